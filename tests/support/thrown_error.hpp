#pragma once

#include <catch2/catch.hpp>
#include <utility>

#include "installer/base/error.hpp"

namespace eb::test {

/// The Error that `call` throws; the test fails when it throws none.
template <typename Call>
Error thrown_error(Call&& call) {
  try {
    std::forward<Call>(call)();
  } catch (const Error& error) {
    return error;
  }
  FAIL("no eb::Error was thrown");
  throw 0;  // not reached: FAIL leaves
}

}  // namespace eb::test
