#include "cli/render_receipt.h"

#include "cli/render_table.h"

namespace settle {

namespace {

std::string tool_of(const Json& receipt) {
  const Json* tool = receipt.find("tool");
  if (tool == nullptr || !tool->is_object()) return text_of(receipt, "tool");
  return text_of(*tool, "name") + " " + short_hash(text_of(*tool, "version", ""));
}

std::string method_of(const Json& verification) {
  const std::string at = clock_of(verification, "observed_at");
  return short_of(verification, "method") + (at == "-" ? "" : ", observed " + at + " UTC");
}

std::vector<Line> checks_of(const Json& verification) {
  Table table;
  for (const Json& check : list_of(verification, "checks")) {
    const bool ok = flag_of(check, "ok");
    table.rows.push_back({{ok ? "    ✔" : "    ✘", ok ? Style::green : Style::red},
                          {text_of(check, "at", ""), Style::cyan},
                          {short_of(check, "operator", "") + " " + short_of(check, "expected", "")},
                          {"actual " + short_of(check, "actual", "nothing"), ok ? Style::dim : Style::red}});
  }
  return lay_out(table);
}

// The members that are shown as "name  value", in this order; members without a value are left out.
struct Field {
  std::string_view name;
  bool time = false;
};
constexpr Field kFields[] = {
    {"workflow"},
    {"action"},
    {"attempt"},
    {"status_code"},
    {"record_id"},
    {"ids"},
    {"idempotency_key"},
    {"confidence"},
    {"effect"},
    {"next_state"},
    {"started_at", true},
    {"executed_at", true},
    {"verified_at", true},
    {"input"},
    {"input_digest"},
    {"result"},
    {"fallback"},
    {"approvals"},
    {"supersedes"},
};

}  // namespace

std::string render_receipts(const Json& list, const View& view) {
  Table table;
  table.heading = {"RECEIPT", "ACTION", "ATTEMPT", "STATE", "CODE", "RECORD", "EVIDENCE", "EFFECT", "CHECKS"};
  for (const Json& receipt : list_of(list, "receipts")) {
    const std::string state = text_of(receipt, "state");
    std::size_t met = 0;
    const Json* verification = receipt.find("verification");
    const Json::Array& checks = list_of(verification == nullptr ? receipt : *verification, "checks");
    for (const Json& check : checks) met += flag_of(check, "ok") ? 1 : 0;
    const std::string count = std::to_string(met) + " of " + std::to_string(checks.size());
    table.rows.push_back({{text_of(receipt, "receipt"), Style::bold},
                          {text_of(receipt, "action")},
                          {short_of(receipt, "attempt")},
                          {state, style_of(state)},
                          {short_of(receipt, "status_code")},
                          {short_of(receipt, "record_id")},
                          {text_of(receipt, "confidence")},
                          {text_of(receipt, "effect")},
                          {checks.empty() ? "-" : count, met == checks.size() ? Style::plain : Style::red}});
  }
  return table.rows.empty() ? "no receipts yet\n" : draw_lines(lay_out(table), view);
}

std::string render_receipt(const Json& receipt, const View& view) {
  const std::string state = text_of(receipt, "state");
  std::vector<Line> lines;
  lines.push_back({{text_of(receipt, "receipt"), Style::bold}, {"  "}, {state, style_of(state)}});

  Table table;
  table.rows.push_back({{"  tool", Style::dim}, {tool_of(receipt)}});
  for (const Field& field : kFields) {
    const std::string value = short_of(receipt, field.name, "");
    if (value.empty() || value == "[]" || value == "{}") continue;
    table.rows.push_back(
        {{"  " + std::string(field.name), Style::dim}, {field.time ? clock_of(receipt, field.name) + " UTC" : value}});
  }
  for (Line& line : lay_out(table)) lines.push_back(std::move(line));

  const Json* word = receipt.find("operator");
  if (word != nullptr && word->is_object()) {
    const std::string said = text_of(*word, "said") == "happened" ? " says it happened: " : " says it did not happen: ";
    lines.push_back({{"  operator  ", Style::dim},
                     {text_of(*word, "who") + said + text_of(*word, "seen") + " (" + clock_of(*word, "at") + " UTC)"}});
  }
  const Json* verification = receipt.find("verification");
  if (verification != nullptr && verification->is_object()) {
    lines.push_back({{"  verification  ", Style::dim}, {method_of(*verification)}});
    for (Line& line : checks_of(*verification)) lines.push_back(std::move(line));
  }
  for (const Json& error : list_of(receipt, "errors")) {
    const std::string message = text_of(error, "message", "");
    lines.push_back(
        {{"  error  ", Style::dim}, {short_of(error, "code") + (message.empty() ? "" : ": " + message), Style::red}});
  }
  return draw_lines(lines, view);
}

}  // namespace settle
