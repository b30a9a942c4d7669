#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace settle {

/// A receipt as the store keeps it: its canonical bytes, or the byte 1 and a Zstandard frame (RFC 8878) of them under
/// the dictionary of docs/formats/records.md, where that is shorter. Receipts repeat the same names; what is left is a
/// third or so, mostly digests. Thread: any.
std::string pack_receipt(std::string_view canonical);

/// The canonical bytes again. Errors: corruption.
Result<std::string> unpack_receipt(std::string_view stored);

}  // namespace settle
