// Writes the corpus of bundles that are wrong in one place each, and its page:
//
//     make_corpus FOLDER
//
// FOLDER/NAME.zst and FOLDER/README.md, a table with the exit code that each has to get. All are
// signed by the test key (Ed25519, seed 01…01) unless the signature is what is wrong.

#include <cstdio>
#include <iostream>

#include "corpus_maker.hpp"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: make_corpus FOLDER\n", stderr);
    return 2;
  }
  try {
    eb::test::CorpusMaker corpus{std::filesystem::path(argv[1])};
    eb::test::add_damaged_containers(corpus);
    eb::test::add_damaged_signatures(corpus);
    eb::test::add_damaged_sections(corpus);
    eb::test::add_damaged_meta(corpus);
    eb::test::add_damaged_entries(corpus);
    eb::test::add_damaged_frames(corpus);
    eb::test::add_damaged_contents(corpus);
    corpus.write_page();
    std::printf("%zu bundles\n", corpus.size());
    return 0;
  } catch (const eb::Error& error) {
    std::cerr << eb::render_error("make_corpus", error);
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
  }
  return 1;
}
