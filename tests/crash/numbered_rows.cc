#include "tests/crash/numbered_rows.h"

#include <array>
#include <cstdio>

#include "storage/big_endian.h"
#include "storage/ledger.h"

namespace settle {
namespace {

constexpr std::array same_rows = {Family::state, Family::history, Family::index};

std::string key_of(std::uint64_t number) {
  char key[24];
  std::snprintf(key, sizeof key, "k%010llu", static_cast<unsigned long long>(number));
  return key;
}

std::string value_of(std::uint64_t number, std::uint64_t life) {
  const std::string name = std::to_string(life) + ":" + std::to_string(number) + ":";
  // Now and then one that spans several blocks of the log.
  const std::size_t padding = number % 23 == 0 ? 40'000 : (number * 97) % 700;
  return name + std::string(padding, static_cast<char>('a' + life % 26));
}

/// The life that a value names.
std::uint64_t life_of(const std::string& value) {
  return std::strtoull(value.c_str(), nullptr, 10);
}

/// A row, or nothing; what the store says of it when it can't be read goes to `out`.
std::string row_of(const Reader& reader, Family family, const std::string& key, NumberedRows& out) {
  const auto row = reader.get(family, key);
  if (row) return row->value_or("");
  out.is_unreadable = true;
  out.wrong = row.error().message;
  return "";
}

/// What is wrong with number `number`, of which `value` is the row in family `state`.
std::string fault_of(const Reader& reader, std::uint64_t number, const std::string& value, NumberedRows& out) {
  const std::string key = key_of(number);
  if (value != value_of(number, life_of(value))) return "another value";
  for (const Family family : same_rows) {
    const std::string row = row_of(reader, family, key, out);
    if (row.empty()) return "a part of its batch is missing";
    if (row != value) return "parts of its batch are of different lives";
  }
  const std::string receipt = row_of(reader, Family::receipts, "R" + key, out);
  if (receipt.size() < 8) return "its receipt is missing";
  if (read_be64(receipt, 0) != number || receipt.substr(8) != value.substr(0, value.rfind(':')))
    return "its receipt is another one's";
  const Result<std::optional<LedgerLeaf>> leaf = ledger_leaf(reader, number);
  if (!leaf) {
    out.is_unreadable = true;
    out.wrong = leaf.error().message;
    return "";
  }
  if (!*leaf || (*leaf)->key != "R" + key) return "its ledger entry is wrong";
  return "";
}

NumberedRows with(NumberedRows rows, const std::string& wrong) {
  if (!rows.is_unreadable) rows.wrong = wrong;
  return rows;
}

std::uint64_t rows_of(const Reader& reader, Family family, NumberedRows& out) {
  std::uint64_t rows = 0;
  const auto counted = reader.scan(family, {}, [&](std::string_view, std::string_view) { return ++rows > 0; });
  if (counted) return rows;
  out.is_unreadable = true;
  out.wrong = counted.error().message;
  return ~std::uint64_t{0};
}

}  // namespace

WriteBatch numbered_batch(std::uint64_t number, std::uint64_t life) {
  const std::string key = key_of(number);
  const std::string value = value_of(number, life);
  WriteBatch batch;
  for (const Family family : same_rows) batch.put(family, key, value);
  // Only the newest number has one, so a deletion that is lost shows too.
  batch.put(Family::due, key, "due");
  if (number > 0) batch.erase(Family::due, key_of(number - 1));
  const std::string receipt = value.substr(0, value.rfind(':'));
  batch.ledger.push_back({"R" + key, receipt, sha256(receipt)});
  return batch;
}

NumberedRows numbered_rows_in(const Store& store) {
  return numbered_rows_in(*store.snapshot(), store.ledger_size());
}

NumberedRows numbered_rows_in(const Reader& reader, std::uint64_t ledger_size) {
  NumberedRows out;
  const auto scanned = reader.scan(Family::state, {}, [&](std::string_view key, std::string_view value) {
    if (key != key_of(out.count)) out.wrong = "a gap";
    const std::string fault = out.wrong.empty() ? fault_of(reader, out.count, std::string(value), out) : "";
    if (out.wrong.empty()) out.wrong = fault;
    if (!out.wrong.empty() && !out.is_unreadable) out.wrong = "number " + std::to_string(out.count) + ": " + out.wrong;
    ++out.count;
    return out.wrong.empty();
  });
  if (!scanned) out = {out.count, scanned.error().message, true};
  if (!out.wrong.empty()) return out;
  for (const Family family : same_rows) {
    if (rows_of(reader, family, out) != out.count) return with(out, "rows of a number that is not there");
  }
  if (rows_of(reader, Family::due, out) != (out.count > 0 ? 1U : 0U))
    return with(out, "a deletion is lost, or its row");
  if (ledger_size != out.count) out.wrong = "the ledger has " + std::to_string(ledger_size) + " entries";
  return out;
}

}  // namespace settle
