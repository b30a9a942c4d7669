# cmake -DINPUT=FILE -DOUTPUT=FILE.cc -DHEADER=FILE.h -DFUNCTION=NAME -P EmbedText.cmake
# Writes a source file whose function settle::NAME() gives the text of INPUT. A string literal may have 65,535 bytes
# (C++ standard, annex B), so the text is written in pieces and put together once.
file(READ "${INPUT}" text)
string(FIND "${text}" ")embedded\"" clash)
if(NOT clash EQUAL -1)
  message(FATAL_ERROR "${INPUT} holds the mark that ends a piece")
endif()
if(NOT text MATCHES "\n$")
  message(FATAL_ERROR "${INPUT} does not end with a line feed")
endif()
string(LENGTH "${text}" length)
set(pieces "")
set(at 0)
while(at LESS length)
  # Pieces end with a line, never within a character of several bytes.
  string(SUBSTRING "${text}" ${at} 8000 piece)
  string(FIND "${piece}" "\n" line_end REVERSE)
  math(EXPR bytes "${line_end} + 1")
  string(SUBSTRING "${text}" ${at} ${bytes} piece)
  string(APPEND pieces "      R\"embedded(${piece})embedded\",\n")
  math(EXPR at "${at} + ${bytes}")
endwhile()
file(WRITE "${OUTPUT}" "// Made at build time from a file of the repository; changes belong there.
#include \"${HEADER}\"

namespace settle {

std::string_view ${FUNCTION}() {
  static const std::string text = [] {
    std::string whole;
    for (const std::string_view piece : {
${pieces}         }) {
      whole += piece;
    }
    return whole;
  }();
  return text;
}

}  // namespace settle
")
