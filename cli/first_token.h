#pragma once

#include <string>

#include "base/result.h"
#include "engine/token_text.h"

namespace settle {

/// Where the first admin token of a store is put.
std::string first_token_file(const std::string& data_folder);

/// Makes a token and writes it into `file`, which nobody but the owner can read and which must not be there yet; both
/// are on the disk when this returns. A file that an earlier start left there before it could store its token is taken
/// up, if it holds a whole token and is the owner's alone. Errors: io_error, configuration (what is there is none).
Result<TokenText> keep_first_token(const std::string& file);

}  // namespace settle
