#include "bundler/lock/core_metadata.hpp"

#include <catch2/catch.hpp>

namespace eb {
namespace {

TEST_CASE("fields, continuations and the end of the headers") {
  const CoreMetadata m(
      "Metadata-Version: 2.1\r\nName: demo\nRequires-Dist: a>1\nrequires-dist: b\n"
      "License: first\n        \n        second\nNonsense\nSummary:x\n\nName: not this\n");
  CHECK(m.field("name") == "demo");
  CHECK(m.field("Metadata-Version") == "2.1");
  CHECK(m.fields("Requires-Dist") == std::vector<std::string>{"a>1", "b"});
  CHECK(m.field("License") == "first\n\nsecond");
  CHECK(m.field("Summary") == "x");
  CHECK(m.field("Author").empty());
}

TEST_CASE("the licence in the words of the wheel") {
  const auto [text, licence] = GENERATE(table<std::string, std::string>({
      {"License-Expression: MIT\nLicense: other\n", "MIT"},
      {"License: BSD-3-Clause\nClassifier: License :: OSI Approved :: MIT License\n",
       "BSD-3-Clause"},
      {"License: UNKNOWN\nClassifier: License :: OSI Approved :: MIT License\n", "MIT License"},
      {"Classifier: License :: OSI Approved\nClassifier: License :: OSI Approved :: BSD License\n"
       "Classifier: License :: Other/Proprietary License\nClassifier: Topic :: License\n",
       "BSD License AND Other/Proprietary License"},
      {"License: BSD 3-Clause License\n        \n        Copyright …\n"
       "Classifier: License :: OSI Approved :: BSD License\n",
       "BSD 3-Clause License"},
      {"License: Copyright (c) 2015 Project\n        All rights reserved.\n"
       "Classifier: License :: OSI Approved :: BSD License\n",
       "BSD License"},
      {"License: " + std::string(200, 'x') + "\n", ""},
      {"Name: demo\n", ""},
  }));
  INFO(text);
  CHECK(CoreMetadata(text).licence() == licence);
}

}  // namespace
}  // namespace eb
