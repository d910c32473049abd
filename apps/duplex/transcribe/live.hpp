// Transcribes what comes on standard input while it comes.
#pragma once

#include "speech/audio/pcm_format.hpp"
#include "speech/recognizer.hpp"
#include "transcribe/transcript.hpp"

namespace duplex::cli::transcribe {

/// Prints the transcript of raw audio or WAV from standard input: as text each segment once it was
/// said, and on a terminal what is being said; in other forms at the end. A file of another kind
/// is read to its end first, as by `transcribe_all`. SIGINT, SIGTERM and SIGHUP are the end of the
/// input. True if all was transcribed. Throws speech::speech_error for what is no audio, and
/// std::system_error.
bool transcribe_input(const speech::recognizer& model, const speech::pcm_format& format, form in);

}  // namespace duplex::cli::transcribe
