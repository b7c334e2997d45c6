#pragma once

namespace eb::test {

/// From now on this program's operator new counts, and fails at the allocation number `fails_at`
/// (from 1; 0 = never) or, `for_ever`, at that one and at all later ones.
void start_counting(long fails_at, bool for_ever);
/// All succeed again. Returns how many were counted.
long stop_counting();

}  // namespace eb::test
