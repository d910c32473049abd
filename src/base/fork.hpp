// How often this process was forked from another: what is for one process alone looks at it.
#pragma once

namespace duplex {

/// One more in the child of a fork than in its parent, counted from the first call on.
unsigned fork_count() noexcept;

}  // namespace duplex
