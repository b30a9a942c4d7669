// What a tool document must say before Settle takes it, and where it says that it does not.
#include <algorithm>

#include "tests/unit/workflows/support/fixture.h"

namespace settle::test {
namespace {

Json base() {
  return tool_document({});
}

Json lookup_base() {
  ToolSpec spec;
  spec.mode = IdempotencyMode::lookup;
  return tool_document(spec);
}

Json read_base() {
  ToolSpec spec;
  spec.reads = true;
  return tool_document(spec);
}

struct Row {
  Json document;
  const char* pointer;
  const char* value;  ///< empty: the member is taken away
  const char* want;   ///< "POINTER CODE"
};

void expect_refused(const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    SCOPED_TRACE(std::string(row.pointer) + " = " + row.value);
    const std::vector<std::string> got =
        tool_problems(changed(row.document, row.pointer, row.value), {{"box", "https://box.test"}});
    EXPECT_NE(std::find(got.begin(), got.end(), row.want), got.end())
        << "wanted " << row.want << ", got " << ::testing::PrintToString(got);
  }
}

TEST(Tool, every_kind_of_tool_compiles) {
  EXPECT_EQ(tool_problems(base()), std::vector<std::string>());
  EXPECT_EQ(tool_problems(lookup_base()), std::vector<std::string>());
  EXPECT_EQ(tool_problems(read_base()), std::vector<std::string>());
  for (const IdempotencyMode mode : {IdempotencyMode::key, IdempotencyMode::natural, IdempotencyMode::none}) {
    ToolSpec spec;
    spec.mode = mode;
    spec.tied = true;
    const std::shared_ptr<const Tool> tool = make_tool(spec);
    EXPECT_EQ(tool->mode, mode);
    EXPECT_TRUE(tool->tied);
  }
}

TEST(Tool, the_example_of_the_contract_compiles) {
  const Json document = json(R"({
    "name": "crm.create_contact", "description": "Creates a contact.", "risk": "write",
    "input_schema": {"type": "object", "required": ["email"], "additionalProperties": false,
      "properties": {"email": {"type": "string", "format": "email"}, "tier": {"enum": ["free", "pro"]}}},
    "output_schema": {"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}}},
    "execute": {"connector": "http", "method": "POST", "url": {"$text": "${crm}/contacts"}, "auth": "crm",
      "headers": {"Idempotency-Key": {"$from": "/idempotency_key"}}, "body": {"$from": "/input"}},
    "success": [{"at": "/error", "absent": true}], "record_id": "/id", "idempotency": {"mode": "key", "window": "24h"},
    "verify": {"read": {"connector": "http", "method": "GET", "url": {"$text": "${crm}/contacts/${/record_id}"}, "auth": "crm"},
      "expect": [{"at": "/email", "equals": {"$from": "/input/email"}}], "within": "10s", "interval": "200ms"},
    "start_to_close_timeout": "10s", "schedule_to_close_timeout": "10m",
    "retry": {"initial_interval": "200ms", "backoff_coefficient": 2, "maximum_interval": "30s", "maximum_attempts": 5},
    "rate_limit": {"per_second": 20, "concurrency": 8},
    "approval": {"when": {"equals": [{"$from": "/input/tier"}, "pro"]}, "approvers": 1, "expires": "24h"}})");
  const Values values = {{"crm", "https://crm.test"}};
  const std::shared_ptr<const Tool> tool = compiled(document, values);
  ASSERT_TRUE(tool->approval);
  EXPECT_EQ(tool->approval->expires, Duration(86'400'000));
  EXPECT_EQ(tool->rate_limit, (RateLimit{20, 8}));
  EXPECT_EQ(tool->window, Duration(86'400'000));
  EXPECT_TRUE(tool->tied) << "read at its record id";
  EXPECT_EQ(tool->version_text().size(), 7U + 64U);
}

TEST(Tool, its_version_is_that_of_its_canonical_form) {
  Json turned = Json::object();
  const Json document = base();
  for (auto member = document.as_object().rbegin(); member != document.as_object().rend(); ++member)
    turned.set(member->name, member->value);
  EXPECT_EQ(compiled(turned)->version, compiled(document)->version);
  EXPECT_NE(compiled(changed(document, "/description", R"("another")"))->version, compiled(document)->version);
}

TEST(Tool, names_and_members_are_checked) {
  expect_refused({
      {base(), "/name", "", "/name missing_member"},
      {base(), "/name", "7", "/name wrong_type"},
      {base(), "/name", R"("")", "/name empty_text"},
      {base(), "/name", R"("a b")", "/name not_a_name"},
      {base(), "/name", R"("flow.sleep")", "/name reserved_name"},
      {base(), "/description", "1", "/description wrong_type"},
      {base(), "/risk", "", "/risk missing_member"},
      {base(), "/risk", R"("wirte")", "/risk not_in_list"},
      {base(), "/retries", "{}", "/retries unknown_member"},
      {base(), "/execute", "", "/execute missing_member"},
      {base(), "/execute", "[]", "/execute wrong_type"},
      {base(), "/rate_limit", "{}", "/rate_limit missing_member"},
      {base(), "/rate_limit", "20", "/rate_limit wrong_type"},
      {base(), "/rate_limit", R"({"per_second": 0})", "/rate_limit/per_second out_of_range"},
      {base(), "/rate_limit", R"({"per_second": "20"})", "/rate_limit/per_second out_of_range"},
      {base(), "/rate_limit", R"({"concurrency": 0})", "/rate_limit/concurrency out_of_range"},
      {base(), "/rate_limit", R"({"concurrency": 1.5})", "/rate_limit/concurrency out_of_range"},
      {base(), "/rate_limit", R"({"concurrency": 1, "per_minute": 3})", "/rate_limit/per_minute unknown_member"},
      {base(), "/not_processed", "429", "/not_processed wrong_type"},
      {base(), "/not_processed", "[429, 500]", "/not_processed/1 not_in_list"},
      {base(), "/not_processed", "[503, 503]", "/not_processed/1 not_in_list"},
      {base(), "/not_processed", R"(["429"])", "/not_processed/0 not_in_list"},
      {base(), "/approval", R"("nobody")", "/approval wrong_type"},
      {base(), "/approval", R"({"approvers": 0})", "/approval/approvers out_of_range"},
      {base(), "/approval", R"({"approvers": 101})", "/approval/approvers out_of_range"},
      {base(), "/approval", R"({"expires": "0ms"})", "/approval/expires not_a_duration"},
      {base(), "/approval", R"({"on_expiry": "ignore"})", "/approval/on_expiry not_in_list"},
      {base(), "/approval", R"({"four_eyes": "yes"})", "/approval/four_eyes wrong_type"},
      {base(), "/approval", R"({"aprovers": 1})", "/approval/aprovers unknown_member"},
  });
  EXPECT_EQ(tool_problems(json("[]")), std::vector<std::string>{" wrong_type"});
  EXPECT_EQ(tool_problems(changed(changed(base(), "/risk", R"("destructive")"), "/approval", R"("none")")),
            std::vector<std::string>());
}

TEST(Tool, schemas_are_checked_and_the_input_is_closed) {
  expect_refused({
      {base(), "/input_schema", "", "/input_schema missing_member"},
      {base(), "/output_schema", "", "/output_schema missing_member"},
      {base(), "/input_schema/additionalProperties", "", "/input_schema input_schema_open"},
      {base(), "/input_schema/additionalProperties", "true", "/input_schema input_schema_open"},
      {base(), "/input_schema/additionalProperties", R"({"type": "string"})", "/input_schema input_schema_open"},
      {base(), "/input_schema/type", R"(["object", "null"])", "/input_schema/type input_schema_type"},
      {base(), "/input_schema/type", "", "/input_schema/type input_schema_type"},
      {base(), "/output_schema/iff", "true", "/output_schema/iff schema_unknown_keyword"},
      {base(), "/output_schema/type", R"("text")", "/output_schema/type schema_malformed"},
      {base(), "/record_id", R"("id")", "/record_id not_a_pointer"},
      {base(), "/output_schema", R"({"type": "object", "additionalProperties": false})",
       "/record_id record_id_not_in_output"},
  });
}

TEST(Tool, calls_are_checked) {
  expect_refused({
      {base(), "/execute/connector", "", "/execute/connector missing_member"},
      {base(), "/execute/connector", R"("smtp")", "/execute/connector unknown_connector"},
      {base(), "/execute/method", "", "/execute/method missing_member"},
      {base(), "/execute/method", R"("TRACE")", "/execute/method not_in_list"},
      {base(), "/execute/url", "", "/execute/url missing_member"},
      {base(), "/execute/url", "7", "/execute/url wrong_type"},
      {base(), "/execute/url", R"("ftp://box.test/x")", "/execute/url url_host_not_constant"},
      {base(), "/execute/url", R"("/items")", "/execute/url url_host_not_constant"},
      {base(), "/execute/url", R"("https:///items")", "/execute/url url_host_not_constant"},
      {base(), "/execute/url", R"({"$from": "/input/name"})", "/execute/url url_host_not_constant"},
      {base(), "/execute/url", R"({"$text": "https://${/input/name}/items"})", "/execute/url url_host_not_constant"},
      {base(), "/execute/url", R"({"$text": "https://box.test${/input/name}"})", "/execute/url url_host_not_constant"},
      {base(), "/execute/url", R"({"$text": "https://box.test:${/input/name}/items"})",
       "/execute/url url_host_not_constant"},
      {base(), "/execute/url", R"({"$text": "${/input/name}://box.test/items"})", "/execute/url url_host_not_constant"},
      {base(), "/execute/url", R"("https://me:secret@box.test/items")", "/execute/url url_userinfo"},
      {base(), "/execute/url", R"({"$text": "${nowhere}/items"})", "/execute/url template_unknown_value"},
      {base(), "/execute/headers", "[]", "/execute/headers wrong_type"},
      {base(), "/execute/headers/X-List", "[1]", "/execute/headers/X-List wrong_type"},
      {base(), "/execute/headers/X: Evil", R"("x")", "/execute/headers/X: Evil header_not_a_token"},
      {base(), "/execute/headers/AUTHORIZATION", R"("Bearer x")", "/execute/headers/AUTHORIZATION header_reserved"},
      {base(), "/execute/headers/Content-Length", R"("1")", "/execute/headers/Content-Length header_reserved"},
      {base(), "/execute/auth", "true", "/execute/auth wrong_type"},
      {base(), "/execute/safe", R"("yes")", "/execute/safe wrong_type"},
      {base(), "/execute/safe", "true", "/execute write_declared_safe"},
      {base(), "/execute/method", R"("GET")", "/execute write_declared_safe"},
      {base(), "/execute/timeout", R"("1s")", "/execute/timeout unknown_member"},
      {read_base(), "/execute/body", "{}", "/execute/body body_not_allowed"},
  });
}

TEST(Tool, templates_are_checked) {
  expect_refused({
      {base(), "/execute/body", R"({"a": {"$form": "/input"}})", "/execute/body/a template_malformed"},
      {base(), "/execute/body", R"({"a": [{"$from": "/input", "b": 1}]})", "/execute/body/a/0 template_malformed"},
      {base(), "/execute/body", R"({"a": {"b": 1, "$from": "/input"}})", "/execute/body/a template_malformed"},
      {base(), "/execute/body", R"({"$from": "input"})", "/execute/body template_malformed"},
      {base(), "/execute/body", R"({"$from": ""})", "/execute/body template_malformed"},
      {base(), "/execute/body", R"({"$from": 7})", "/execute/body template_malformed"},
      {base(), "/execute/body", R"({"$text": "${/input/name"})", "/execute/body template_malformed"},
      {base(), "/execute/body", R"({"$text": "${/input/~2}"})", "/execute/body template_malformed"},
      {base(), "/execute/body", R"({"$text": "${elsewhere}"})", "/execute/body template_unknown_value"},
  });
  EXPECT_EQ(
      tool_problems(changed(base(), "/execute/body",
                            R"({"a": {"$literal": {"$from": "anything"}}, "b": {"$text": "${box}/${/input/name}"}})"),
                    {{"box", "x"}}),
      std::vector<std::string>());
}

TEST(Tool, references_are_checked) {
  expect_refused({
      {base(), "/execute/body", R"({"$from": "/output/id"})", "/execute/body reference_before_answer"},
      {base(), "/execute/body", R"({"$from": "/record_id"})", "/execute/body reference_before_answer"},
      {base(), "/execute/body", R"({"$from": "/input/nome"})", "/execute/body reference_not_in_schema"},
      {base(), "/execute/body", R"({"$from": "/input/name/first"})", "/execute/body reference_not_in_schema"},
      {base(), "/execute/body", R"({"$from": "/before/x"})", "/execute/body reference_needs_before"},
      {base(), "/execute/body", R"({"$from": "/secrets/x"})", "/execute/body reference_unknown"},
      {base(), "/execute/body", R"({"$from": "/workflow/plan"})", "/execute/body reference_unknown"},
      {base(), "/execute/body", R"({"$from": "/workflow"})", "/execute/body reference_unknown"},
      {base(), "/execute/body", R"({"$from": "/idempotency_key/x"})", "/execute/body reference_unknown"},
      {base(), "/verify/read/url", R"({"$text": "https://box.test/${/output/id/x}"})",
       "/verify/read/url reference_not_in_schema"},
      {base(), "/verify/expect/0/equals", R"({"$from": "/input/nome"})",
       "/verify/expect/0/equals reference_not_in_schema"},
      {base(), "/verify/expect/0/equals", R"({"$from": "/workflow/id"})", "/verify/expect/0/equals reference_unknown"},
      {base(), "/success/0", R"({"at": "/id", "equals": {"$from": "/action/id"}})",
       "/success/0/equals reference_unknown"},
      {lookup_base(), "/idempotency/lookup/read/url", R"({"$text": "https://box.test/${/record_id}"})",
       "/idempotency/lookup/read/url reference_before_answer"},
  });
  EXPECT_EQ(tool_problems(changed(
                base(), "/execute/body",
                R"([{"$from": "/workflow/id"}, {"$from": "/workflow/labels/x"}, {"$from": "/action/attempt"}])")),
            std::vector<std::string>());
}

TEST(Tool, times_and_retries_are_checked) {
  expect_refused({
      {base(), "/start_to_close_timeout", "10", "/start_to_close_timeout not_a_duration"},
      {base(), "/start_to_close_timeout", R"("0s")", "/start_to_close_timeout not_a_duration"},
      {base(), "/schedule_to_close_timeout", R"("-1s")", "/schedule_to_close_timeout not_a_duration"},
      {base(), "/retry", "5", "/retry wrong_type"},
      {base(), "/retry/initial_interval", R"("soon")", "/retry/initial_interval not_a_duration"},
      {base(), "/retry/maximum_interval", R"("0ms")", "/retry/maximum_interval not_a_duration"},
      {base(), "/retry/backoff_coefficient", "0.5", "/retry/backoff_coefficient out_of_range"},
      {base(), "/retry/maximum_attempts", "0", "/retry/maximum_attempts out_of_range"},
      {base(), "/retry/maximum_attempts", "1.5", "/retry/maximum_attempts out_of_range"},
      {base(), "/retry/jitter", "1", "/retry/jitter unknown_member"},
      {base(), "/verify/within", R"("x")", "/verify/within not_a_duration"},
      {base(), "/verify/interval", R"("0s")", "/verify/interval not_a_duration"},
  });
}

TEST(Tool, what_makes_a_repeat_safe_is_checked) {
  expect_refused({
      {base(), "/idempotency", "", "/idempotency missing_member"},
      {base(), "/idempotency", R"("key")", "/idempotency wrong_type"},
      {base(), "/idempotency/mode", "", "/idempotency/mode missing_member"},
      {base(), "/idempotency/mode", R"("keys")", "/idempotency/mode not_in_list"},
      {base(), "/idempotency/window", "", "/idempotency/window missing_member"},
      {base(), "/idempotency/window", R"("0s")", "/idempotency/window not_a_duration"},
      {base(), "/idempotency/mode", R"("none")", "/idempotency/window unknown_member"},
      {base(), "/execute/headers", "", "/execute key_not_sent"},
      {lookup_base(), "/execute/headers", "", "/execute key_not_sent"},
      {read_base(), "/idempotency", R"({"mode": "none"})", "/idempotency not_for_reads"},
      {lookup_base(), "/idempotency/quiet", "", "/idempotency/quiet missing_member"},
      {lookup_base(), "/idempotency/lookup", "", "/idempotency/lookup missing_member"},
      {lookup_base(), "/idempotency/lookup", "[]", "/idempotency/lookup wrong_type"},
      {lookup_base(), "/idempotency/lookup/read", "", "/idempotency/lookup/read missing_member"},
      {lookup_base(), "/idempotency/lookup/records", "", "/idempotency/lookup/records missing_member"},
      {lookup_base(), "/idempotency/lookup/records", R"("items")", "/idempotency/lookup/records not_a_pointer"},
      {lookup_base(), "/idempotency/lookup/next", R"("next")", "/idempotency/lookup/next not_a_pointer"},
      {lookup_base(), "/idempotency/lookup/read/url", R"("https://box.test/items")",
       "/idempotency/lookup/read lookup_without_key"},
      {lookup_base(), "/idempotency/lookup/read/method", R"("POST")", "/idempotency/lookup/read read_not_safe"},
  });
  ToolSpec searched;
  searched.key_lookup = true;
  expect_refused({{tool_document(searched), "/idempotency/quiet", "", "/idempotency/quiet missing_member"}});
}

TEST(Tool, verification_is_checked) {
  Json none = base();
  none.set("verify", "none");
  none.set("reason", "a test");
  ToolSpec natural_spec;
  natural_spec.mode = IdempotencyMode::natural;
  ToolSpec none_spec;
  none_spec.mode = IdempotencyMode::none;
  expect_refused({
      {base(), "/verify", "", "/verify missing_member"},
      {base(), "/verify", R"("maybe")", "/verify not_in_list"},
      {base(), "/verify", "7", "/verify wrong_type"},
      {base(), "/verify", R"("response")", "/verify response_is_no_evidence"},
      {none, "/reason", "", "/reason missing_member"},
      {none, "/verify", "", "/reason reason_without_none"},
      {read_base(), "/verify", R"("none")", "/verify not_for_reads"},
      {base(), "/verify/read", "", "/verify/read missing_member"},
      {base(), "/verify/read/method", R"("POST")", "/verify/read read_not_safe"},
      {base(), "/verify/expect", "", "/verify/expect missing_member"},
      {base(), "/verify/expect", "[]", "/verify/expect check_malformed"},
      {base(), "/verify/callback", "{}", "/verify/callback tool_not_supported"},
      {base(), "/verify/timeout", "1", "/verify/timeout unknown_member"},
      {tool_document(natural_spec), "/verify", R"("none")", "/verify natural_needs_read_back"},
      {tool_document(none_spec), "/verify/expect/0/equals", R"({"$from": "/record_id"})",
       "/verify read_back_needs_answer"},
  });
}

TEST(Tool, checks_are_checked) {
  expect_refused({
      {base(), "/success", "[]", "/success check_malformed"},
      {base(), "/success/0", "7", "/success/0 check_malformed"},
      {base(), "/success/0", R"({"at": "/x"})", "/success/0 check_malformed"},
      {base(), "/success/0", R"({"equals": 1})", "/success/0 check_malformed"},
      {base(), "/success/0", R"({"at": "x", "equals": 1})", "/success/0/at check_malformed"},
      {base(), "/success/0", R"({"at": "/x", "equals": 1, "less": 2})", "/success/0/less check_malformed"},
      {base(), "/success/0", R"({"at": "/x", "equal": 1})", "/success/0/equal check_unknown_operator"},
      {base(), "/success/0", R"({"at": "/x", "increased_by": 1})", "/success/0/increased_by check_needs_before"},
      {base(), "/success/0", R"({"at": "/x", "in": "abc"})", "/success/0/in check_malformed"},
      {base(), "/success/0", R"({"at": "/x", "exists": 1})", "/success/0/exists check_malformed"},
      {base(), "/success/0", R"({"at": "/x", "count": -1})", "/success/0/count check_malformed"},
      {base(), "/success/0", R"({"at": "/x", "less": true})", "/success/0/less check_malformed"},
      {base(), "/success/0", R"({"at": "/x", "matches": "("})", "/success/0/matches check_malformed"},
      {base(), "/success/0", R"({"all": []})", "/success/0/all check_malformed"},
      {base(), "/success/0", R"({"not": [{"at": "/x", "exists": true}]})", "/success/0/not check_malformed"},
      {base(), "/success/0", R"({"any": [{"at": "/x", "exist": true}]})",
       "/success/0/any/0/exist check_unknown_operator"},
      {base(), "/success/0", R"({"at": "/x", "all": [{"at": "/y", "exists": true}]})", "/success/0/at check_malformed"},
  });
}

TEST(Tool, all_problems_come_at_once) {
  Json document = changed(changed(changed(base(), "/name", R"("a b")"), "/risk", ""), "/execute/method", R"("PSOT")");
  document = changed(changed(document, "/verify/expect/0/equals", R"({"$from": "/input/nome"})"), "/extra", "1");
  EXPECT_EQ(tool_problems(document).size(), 5U) << ::testing::PrintToString(tool_problems(document));
}

}  // namespace
}  // namespace settle::test
