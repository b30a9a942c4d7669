#include "sandbox/records.h"

#include <algorithm>
#include <charconv>
#include <string_view>

#include "base/hash.h"
#include "base/text.h"

namespace settle {

namespace {

constexpr std::size_t kSearchResultsMax = 1'000;

Handled refusal(int status, std::string_view code, std::string_view message) {
  Handled out;
  out.status = status;
  out.body = sandbox_error(code, message);
  return out;
}

Handled answer(Json body) {
  Handled out;
  out.body = std::move(body);
  return out;
}

const std::string* query_value(const SandboxRequest& request, std::string_view name) {
  for (const auto& [key, value] : request.query) {
    if (key == name) return &value;
  }
  return nullptr;
}

/// The members of a body, checked: strings only, none unknown, none missing.
struct Fields {
  Json body;
  std::string problem;  ///< empty: fine

  const std::string& text(std::string_view name) const { return body.find(name)->as_string(); }
  std::string text_or(std::string_view name, std::string_view missing) const {
    const Json* found = body.find(name);
    return found == nullptr ? std::string(missing) : found->as_string();
  }
};

Fields read_fields(const SandboxRequest& request, const std::vector<std::string_view>& required,
                   const std::vector<std::string_view>& optional) {
  Result<Json> body = read_json(request.body);
  if (!body || !body->is_object()) return {Json(), "the body must be a JSON object"};
  auto within = [](const std::vector<std::string_view>& names, std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  for (const JsonMember& member : body->as_object()) {
    if (!within(required, member.name) && !within(optional, member.name))
      return {Json(), "unknown member \"" + member.name + "\""};
    if (!member.value.is_string()) return {Json(), "\"" + member.name + "\" must be a string"};
  }
  for (const std::string_view name : required) {
    if (body->find(name) == nullptr) return {Json(), "\"" + std::string(name) + "\" is missing"};
  }
  return {*std::move(body), ""};
}

/// The number in "m_17"; 0 when it is none.
std::size_t number_of(const std::string& id, std::string_view prefix) {
  std::size_t number = 0;
  if (!id.starts_with(prefix)) return 0;
  const char* begin = id.data() + prefix.size();
  const auto [end, error] = std::from_chars(begin, id.data() + id.size(), number);
  return error == std::errc() && end == id.data() + id.size() && *begin != '0' ? number : 0;
}

std::string next_contact_id(const SandboxRecords& records) {
  std::size_t number = records.contacts.size() + 1;
  // An id of the caller's own (PUT) may look like one of ours.
  while (records.contacts.contains("c_" + std::to_string(number))) ++number;
  return "c_" + std::to_string(number);
}

bool is_tier(const std::string& tier) {
  return tier == "free" || tier == "pro";
}

Json contact_of(const std::string& id, const Fields& fields, std::int64_t version) {
  return Json::object({{"id", id},
                       {"email", fields.text("email")},
                       {"name", fields.text_or("name", "")},
                       {"tier", fields.text_or("tier", "free")},
                       {"version", version}});
}

Handled create_contact(const SandboxRecords& records, const SandboxRequest& request) {
  const Fields fields = read_fields(request, {"email"}, {"name", "tier"});
  if (!fields.problem.empty()) return refusal(400, "invalid_contact", fields.problem);
  if (!is_tier(fields.text_or("tier", "free"))) return refusal(400, "invalid_contact", "\"tier\" must be free or pro");

  Handled out;
  out.status = 201;
  out.collection = "contacts";
  out.record = out.body = contact_of(next_contact_id(records), fields, 1);
  return out;
}

// Put again, the same contact is no change and no new version: that is what makes the call natural to repeat.
Handled put_contact(const SandboxRecords& records, const SandboxRequest& request, const std::string& id) {
  if (!is_name(id)) return refusal(400, "invalid_contact", "the id must be 1 to 128 of A-Z a-z 0-9 . _ ~ -");
  const Fields fields = read_fields(request, {"email"}, {"name", "tier"});
  if (!fields.problem.empty()) return refusal(400, "invalid_contact", fields.problem);
  if (!is_tier(fields.text_or("tier", "free"))) return refusal(400, "invalid_contact", "\"tier\" must be free or pro");

  const auto found = records.contacts.find(id);
  const bool known = found != records.contacts.end();
  const std::int64_t version = known ? found->second.find("version")->as_integer() : 0;
  Handled out;
  out.status = known ? 200 : 201;
  if (known && found->second == contact_of(id, fields, version)) {
    out.body = found->second;
    return out;
  }
  out.collection = "contacts";
  out.record = out.body = contact_of(id, fields, version + 1);
  return out;
}

Handled send_message(const SandboxRecords& records, const SandboxRequest& request, Time now) {
  const Fields fields = read_fields(request, {"to", "subject", "body"}, {"reference"});
  if (!fields.problem.empty()) return refusal(400, "invalid_message", fields.problem);

  const std::string id = "m_" + std::to_string(records.messages.size() + 1);
  Handled out;
  out.status = 202;
  out.collection = "messages";
  out.record = Json::object({{"id", id},
                             {"status", "sent"},
                             {"to", fields.text("to")},
                             {"subject", fields.text("subject")},
                             {"body", fields.text("body")},
                             {"reference", fields.text_or("reference", "")},
                             {"sent_at", format_time(now)}});
  out.body = Json::object({{"id", id}, {"status", "sent"}});
  return out;
}

Handled open_ticket(const SandboxRecords& records, const SandboxRequest& request, Time now) {
  const Fields fields = read_fields(request, {"subject"}, {"body", "contact_id", "reference"});
  if (!fields.problem.empty()) return refusal(400, "invalid_ticket", fields.problem);

  Handled out;
  out.status = 201;
  out.collection = "tickets";
  out.record = Json::object({{"id", "t_" + std::to_string(records.tickets.size() + 1)},
                             {"status", "open"},
                             {"subject", fields.text("subject")},
                             {"body", fields.text_or("body", "")},
                             {"contact_id", fields.text_or("contact_id", "")},
                             {"reference", fields.text_or("reference", "")},
                             {"opened_at", format_time(now)}});
  out.body = out.record;
  return out;
}

Handled get_numbered(const std::vector<Json>& records, const std::string& id, std::string_view prefix) {
  const std::size_t number = number_of(id, prefix);
  if (number == 0 || number > records.size()) return refusal(404, "not_found", "there is no " + id);
  return answer(records[number - 1]);
}

Handled find_contacts(const SandboxRecords& records, const SandboxRequest& request) {
  const std::string* email = query_value(request, "email");
  if (email == nullptr) return refusal(400, "invalid_query", "say ?email=");
  Json found = Json::array();
  for (const auto& [id, contact] : records.contacts) {
    if (contact.find("email")->as_string() == *email && found.size() < kSearchResultsMax) found.push_back(contact);
  }
  return answer(Json::object({{"contacts", std::move(found)}}));
}

Handled find_messages(const SandboxRecords& records, const SandboxRequest& request) {
  const std::string* reference = query_value(request, "reference");
  if (reference == nullptr || reference->empty()) return refusal(400, "invalid_query", "say ?reference=");
  Json found = Json::array();
  for (const Json& message : records.messages) {
    if (message.find("reference")->as_string() == *reference && found.size() < kSearchResultsMax)
      found.push_back(message);
  }
  return answer(Json::object({{"messages", std::move(found)}}));
}

Handled route(const SandboxRecords& records, const SandboxRequest& request, Time now) {
  const std::string& path = request.path;
  const std::string& method = request.method;
  auto below = [&](std::string_view folder) { return path.starts_with(folder) && path.size() > folder.size(); };
  auto rest = [&](std::string_view folder) { return path.substr(folder.size()); };

  if (path == "/crm/contacts" && method == "POST") return create_contact(records, request);
  if (path == "/crm/contacts" && method == "GET") return find_contacts(records, request);
  if (path == "/mail/messages" && method == "POST") return send_message(records, request, now);
  if (path == "/mail/messages" && method == "GET") return find_messages(records, request);
  if (path == "/tickets" && method == "POST") return open_ticket(records, request, now);
  if (below("/crm/contacts/") && method == "PUT") return put_contact(records, request, rest("/crm/contacts/"));
  if (below("/mail/messages/") && method == "GET") return get_numbered(records.messages, rest("/mail/messages/"), "m_");
  if (below("/tickets/") && method == "GET") return get_numbered(records.tickets, rest("/tickets/"), "t_");
  if (below("/crm/contacts/") && method == "GET") {
    const auto found = records.contacts.find(rest("/crm/contacts/"));
    return found == records.contacts.end() ? refusal(404, "not_found", "there is no such contact")
                                           : answer(found->second);
  }
  const bool known = path == "/crm/contacts" || path == "/mail/messages" || path == "/tickets" ||
                     below("/crm/contacts/") || below("/mail/messages/") || below("/tickets/");
  return known ? refusal(405, "method_not_allowed", method + " is not offered here")
               : refusal(404, "not_found", "the sandbox serves /crm/contacts, /mail/messages and /tickets");
}

}  // namespace

Json sandbox_error(std::string_view code, std::string_view message) {
  return Json::object({{"error", Json::object({{"code", code}, {"message", message}})}});
}

std::string digest_of(const SandboxRequest& request) {
  return to_hex(sha256(request.method + "\n" + request.path + "\n" + request.body));
}

std::optional<std::string> key_of(const SandboxRequest& request) {
  if (request.idempotency_key) return request.idempotency_key;
  if (const std::string* reference = query_value(request, "reference")) return *reference;
  const Result<Json> body = read_json(request.body);
  const Json* reference = body ? body->find("reference") : nullptr;
  if (reference != nullptr && reference->is_string() && !reference->as_string().empty()) return reference->as_string();
  return std::nullopt;
}

Handled handle(const SandboxRecords& records, const SandboxRequest& request, Time now) {
  // Only the CRM deduplicates by key; mail and tickets take no notice of one.
  const bool keyed = request.idempotency_key && request.path == "/crm/contacts" && request.method == "POST";
  if (keyed) {
    const auto known = records.answers.find(*request.idempotency_key);
    if (known != records.answers.end()) {
      const Json& memory = known->second;
      if (!(*memory.find("digest") == Json(digest_of(request)))) {
        return refusal(422, "idempotency_key_reused", "this Idempotency-Key came with another request before");
      }
      Handled out;
      out.status = static_cast<int>(memory.find("status")->as_integer());
      out.body = *memory.find("body");
      out.replayed = true;
      return out;
    }
  }
  Handled out = route(records, request, now);
  if (!out.collection.empty() && records.size() >= sandbox_records_max) {
    return refusal(507, "full", "the sandbox holds 100,000 records; stop it and remove its file");
  }
  // What was refused for its form is not remembered: the corrected request may come under the same key.
  if (keyed && out.status < 400) {
    out.memory = Json::object({{"key", *request.idempotency_key},
                               {"digest", digest_of(request)},
                               {"status", out.status},
                               {"body", out.body}});
  }
  return out;
}

bool apply_change(SandboxRecords& records, const std::string& collection, const Json& record) {
  const Json* id = record.find("id");
  if (id == nullptr || !id->is_string()) return false;
  auto has_text = [&](std::string_view name) { return record.find(name) != nullptr && record.find(name)->is_string(); };
  if (collection == "contacts") {
    const Json* version = record.find("version");
    if (!has_text("email") || version == nullptr || !version->is_integer()) return false;
    records.contacts.insert_or_assign(id->as_string(), record);
    return true;
  }
  if (!has_text("reference")) return false;
  const bool mail = collection == "messages";
  if (!mail && collection != "tickets") return false;
  std::vector<Json>& list = mail ? records.messages : records.tickets;
  if (number_of(id->as_string(), mail ? "m_" : "t_") != list.size() + 1) return false;
  list.push_back(record);
  return true;
}

bool apply_memory(SandboxRecords& records, const Json& memory) {
  const Json* key = memory.find("key");
  const Json* digest = memory.find("digest");
  const Json* status = memory.find("status");
  if (key == nullptr || !key->is_string() || digest == nullptr || !digest->is_string()) return false;
  if (status == nullptr || !status->is_integer() || memory.find("body") == nullptr) return false;
  records.answers.insert_or_assign(key->as_string(), memory);
  return true;
}

Json partial_of(const std::string& collection, Json record) {
  if (collection == "contacts") {
    record.set("name", "");
    record.set("tier", "free");
  } else {
    record.set("subject", "");
    record.set("body", "");
  }
  return record;
}

}  // namespace settle
