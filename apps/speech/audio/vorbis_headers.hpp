// Whether an Ogg file has what libsndfile needs of it before it may be opened.
#pragma once

#include "speech/audio/byte_source.hpp"

namespace duplex::speech {

/// False: the file is Vorbis in Ogg whose three headers are damaged, cut off, or longer than 16
/// MiB. libsndfile (1.2.0 and later) does not release what it has read of such headers, which may
/// be as much as the file has.
bool has_sound_vorbis_headers(byte_source& file);

}  // namespace duplex::speech
