#include "workflows/template.h"

#include <algorithm>

#include "base/characters.h"
#include "base/text.h"

namespace settle {
namespace {

/// One piece of a $text: constant, or the value at a pointer.
struct Piece {
  std::string constant;
  bool filled = false;
  Pointer source;
};

void append_percent_encoded(std::string_view text, std::string& out) {
  static constexpr char digits[] = "0123456789ABCDEF";
  for (const char c : text) {
    const bool unreserved = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                            c == '.' || c == '_' || c == '~';
    if (unreserved) {
      out.push_back(c);
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out.push_back('%');
    out.push_back(digits[byte >> 4]);
    out.push_back(digits[byte & 15]);
  }
}

/// The text of a string or number, for interpolation.
Result<std::string> text_of(const Json& value, const Pointer& source) {
  if (value.is_string()) return value.as_string();
  if (value.is_number()) return canonical(value);
  return fail(ErrorCode::invalid_argument,
              source.text() + " is " + std::string(value.type_name()) + "; $text takes strings and numbers only");
}

Error absent(const Pointer& source) {
  return fail(ErrorCode::invalid_argument, "there is nothing at " + source.text());
}

/// True when a path segment of `url` that was (partly) filled in is empty, "." or "..". `filled` are [begin, end)
/// ranges of `url`.
bool has_bad_segment(const std::string& url, const std::vector<std::pair<std::size_t, std::size_t>>& filled) {
  const std::size_t query = std::min(url.find('?'), url.size());
  for (const auto& [begin, end] : filled) {
    if (begin > query) continue;  // at its very end, or before "?", it is an empty segment
    const std::size_t slash = begin == 0 ? std::string::npos : url.rfind('/', begin - 1);
    const std::size_t from = slash == std::string::npos ? 0 : slash + 1;
    const std::size_t to = std::min(url.find('/', end), query);
    const std::string_view segment = std::string_view(url).substr(from, to - from);
    if (segment.empty() || segment == "." || segment == "..") return true;
  }
  return false;
}

}  // namespace

const Json* find_below(const Json& value, const std::vector<std::string>& tokens, std::size_t from) {
  const Json* at = &value;
  for (std::size_t i = from; i < tokens.size() && at != nullptr; ++i) {
    if (at->is_object()) {
      at = at->find(tokens[i]);
    } else if (at->is_array()) {
      const std::optional<std::size_t> index = parse_index(tokens[i]);
      at = index && *index < at->size() ? &at->as_array()[*index] : nullptr;
    } else {
      at = nullptr;
    }
  }
  return at;
}

const Json* Scope::find(const Pointer& place) const {
  if (place.tokens.empty()) return nullptr;
  for (const Root& root : roots_) {
    if (root.name != place.tokens[0]) continue;
    if (root.lookup != nullptr) return root.lookup(root.owner, place.tokens);
    return root.value == nullptr ? nullptr : find_below(*root.value, place.tokens, 1);
  }
  return nullptr;
}

struct Template::Node {
  enum class Kind : std::uint8_t { constant, from, text, array, object, malformed };
  Kind kind = Kind::constant;
  Json constant;
  Pointer source;
  std::vector<Piece> pieces;
  std::vector<std::pair<std::string, std::shared_ptr<const Node>>> children;

  Result<std::string> text(const Scope& scope, bool encode) const {
    std::string out;
    std::vector<std::pair<std::size_t, std::size_t>> filled;
    for (const Piece& piece : pieces) {
      if (!piece.filled) {
        out += piece.constant;
        continue;
      }
      const Json* value = scope.find(piece.source);
      if (value == nullptr) return absent(piece.source);
      Result<std::string> text = text_of(*value, piece.source);
      if (!text) return text;
      const std::size_t begin = out.size();
      if (encode) {
        append_percent_encoded(*text, out);
      } else {
        out += *text;
      }
      filled.emplace_back(begin, out.size());
    }
    if (encode && has_bad_segment(out, filled)) {
      return fail(ErrorCode::invalid_argument, "a path segment of the URL becomes empty, \".\" or \"..\"");
    }
    return out;
  }

  Result<Json> resolve(const Scope& scope) const {
    switch (kind) {
      case Kind::constant:
        return constant;
      case Kind::malformed:
        return fail(ErrorCode::invalid_argument, "the template is malformed");
      case Kind::from: {
        const Json* value = scope.find(source);
        if (value == nullptr) return absent(source);
        return *value;
      }
      case Kind::text: {
        Result<std::string> out = text(scope, false);
        if (!out) return std::move(out).error();
        return Json(*std::move(out));
      }
      case Kind::array: {
        Json::Array out;
        out.reserve(children.size());
        for (const auto& child : children) {
          Result<Json> element = child.second->resolve(scope);
          if (!element) return element;
          out.push_back(*std::move(element));
        }
        return Json(std::move(out));
      }
      case Kind::object: {
        Json::Object out;
        out.reserve(children.size());
        for (const auto& child : children) {
          Result<Json> member = child.second->resolve(scope);
          if (!member) return member;
          out.push_back({child.first, *std::move(member)});
        }
        return Json(std::move(out));
      }
    }
    return Json();
  }

  Json resolve_known(const Scope& scope, const std::string& place, std::vector<Hole>& holes) const {
    if (kind == Kind::constant) return constant;
    if (kind == Kind::array || kind == Kind::object) {
      Json out = kind == Kind::array ? Json::array() : Json::object();
      for (std::size_t i = 0; i < children.size(); ++i) {
        const auto& [name, child] = children[i];
        if (kind == Kind::array) {
          out.push_back(child->resolve_known(scope, place + "/" + std::to_string(i), holes));
        } else {
          out.set(name, child->resolve_known(scope, place + "/" + escape_token(name), holes));
        }
      }
      return out;
    }
    Result<Json> value = resolve(scope);
    if (value) return *std::move(value);
    Hole hole{place, {}, kind == Kind::text};
    if (kind == Kind::from) hole.sources.push_back(source);
    for (const Piece& piece : pieces) {
      if (piece.filled && scope.find(piece.source) == nullptr) hole.sources.push_back(piece.source);
      hole.length_least += character_count(piece.constant);
    }
    holes.push_back(std::move(hole));
    return {};
  }
};

namespace {

Problem malformed(const std::string& place, std::string message, std::string expected, std::string_view got) {
  return {place, "template_malformed", std::move(expected), shorten(got, 80), std::move(message)};
}

/// Splits "a ${/x} b ${name}" into pieces; configured values become constants.
std::vector<Piece> parse_text(std::string_view text, const std::string& place, const Values* values,
                              std::vector<Problem>& problems) {
  std::vector<Piece> pieces;
  std::string constant;
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t open = text.find("${", at);
    constant += text.substr(at, open - at);
    if (open == std::string_view::npos) break;
    const std::size_t close = text.find('}', open);
    if (close == std::string_view::npos) {
      problems.push_back(malformed(place, "\"${\" is not closed", "\"${name}\" or \"${/pointer}\"", text));
      return pieces;
    }
    const std::string_view name = text.substr(open + 2, close - open - 2);
    at = close + 1;
    if (!name.starts_with('/')) {
      const auto found = values == nullptr ? Values::const_iterator() : values->find(name);
      if (values == nullptr) {
        problems.push_back(malformed(
            place, "\"${" + std::string(name) + "}\" is no JSON Pointer; configured values can be used in tools only",
            "\"${/pointer}\"", name));
      } else if (found == values->end()) {
        problems.push_back({place, "template_unknown_value", "a name of [values] in the configuration",
                            std::string(name),
                            "no value \"" + std::string(name) + "\" is configured; add it to [values]"});
      } else {
        constant += found->second;
      }
      continue;
    }
    const std::optional<Pointer> source = Pointer::parse(name);
    if (!source) {
      problems.push_back(
          malformed(place, "\"" + std::string(name) + "\" is no JSON Pointer", "a JSON Pointer (RFC 6901)", name));
      continue;
    }
    if (!constant.empty()) pieces.push_back({std::exchange(constant, {}), false, {}});
    pieces.push_back({"", true, *source});
  }
  if (!constant.empty()) pieces.push_back({std::move(constant), false, {}});
  return pieces;
}

/// Then it is kept as one constant, so that resolving it is one copy.
bool holds_no_template(const Json& document) {
  if (document.is_array()) {
    const Json::Array& elements = document.as_array();
    return std::all_of(elements.begin(), elements.end(), holds_no_template);
  }
  if (!document.is_object()) return true;
  const Json::Object& members = document.as_object();
  return std::all_of(members.begin(), members.end(), [](const JsonMember& member) {
    return !member.name.starts_with('$') && holds_no_template(member.value);
  });
}

}  // namespace

std::shared_ptr<const Template::Node> Template::compile_node(const Json& document, const std::string& place,
                                                             const Values* values, std::vector<Problem>& problems,
                                                             std::vector<Reference>& references) {
  auto node = std::make_shared<Node>();
  if (holds_no_template(document)) {
    node->constant = document;
    return node;
  }
  if (document.is_array()) {
    node->kind = Node::Kind::array;
    for (std::size_t i = 0; i < document.size(); ++i) {
      node->children.emplace_back(
          "", compile_node(document.as_array()[i], place + "/" + std::to_string(i), values, problems, references));
    }
  } else if (document.is_object()) {
    const Json::Object& members = document.as_object();
    const bool special = !members.empty() && members[0].name.starts_with('$');
    for (const JsonMember& member : members) {
      if (!member.name.starts_with('$') && !special) continue;
      const bool known = member.name == "$from" || member.name == "$text" || member.name == "$literal";
      if (!known || members.size() != 1) {
        node->kind = Node::Kind::malformed;
        problems.push_back(malformed(place, "\"" + member.name + "\" can't stand here",
                                     "an object with the one member $from, $text or $literal; {\"$literal\": …} for "
                                     "data with names that begin with $",
                                     member.name));
        return node;
      }
    }
    if (special && members[0].name == "$literal") {
      node->constant = members[0].value;
      return node;
    }
    if (special) {
      if (!members[0].value.is_string()) {
        node->kind = Node::Kind::malformed;
        problems.push_back(
            malformed(place, "\"" + members[0].name + "\" takes a string", "a string", members[0].value.type_name()));
        return node;
      }
      const std::string& text = members[0].value.as_string();
      if (members[0].name == "$from") {
        const std::optional<Pointer> source = Pointer::parse(text);
        if (!source || source->tokens.empty()) {
          node->kind = Node::Kind::malformed;
          problems.push_back(malformed(place, "\"" + text + "\" is no JSON Pointer to a value",
                                       "a JSON Pointer (RFC 6901) such as /input/email", text));
          return node;
        }
        node->kind = Node::Kind::from;
        node->source = *source;
        references.push_back({*source, place, false});
        return node;
      }
      node->kind = Node::Kind::text;
      const std::size_t before = problems.size();
      node->pieces = parse_text(text, place, values, problems);
      if (problems.size() > before) node->kind = Node::Kind::malformed;
      for (const Piece& piece : node->pieces) {
        if (piece.filled) references.push_back({piece.source, place, true});
      }
      return node;
    }
    node->kind = Node::Kind::object;
    for (const JsonMember& member : members) {
      node->children.emplace_back(member.name, compile_node(member.value, place + "/" + escape_token(member.name),
                                                            values, problems, references));
    }
  }
  return node;
}

Template Template::compile(const Json& document, const std::string& place, const Values* values,
                           std::vector<Problem>& problems) {
  Template out;
  out.root_ = compile_node(document, place, values, problems, out.references_);
  return out;
}

std::shared_ptr<const Json> Template::constant() const {
  if (root_ == nullptr || root_->kind != Node::Kind::constant) return nullptr;
  return {root_, &root_->constant};
}

Result<Json> Template::resolve(const Scope& scope) const {
  SETTLE_ASSERT(root_ != nullptr);
  return root_->resolve(scope);
}

Json Template::resolve_known(const Scope& scope, std::vector<Hole>& holes) const {
  if (root_ != nullptr) return root_->resolve_known(scope, "", holes);
  holes.push_back({"", {}, false, 0});  // never compiled, since what it stands in was malformed
  return {};
}

bool Template::is_text() const {
  return root_ != nullptr &&
         (root_->kind == Node::Kind::text || (root_->kind == Node::Kind::constant && root_->constant.is_string()) ||
          root_->kind == Node::Kind::from);
}

Result<std::string> Template::resolve_text(const Scope& scope, bool encode) const {
  SETTLE_ASSERT(root_ != nullptr);
  if (root_->kind == Node::Kind::text) return root_->text(scope, encode);
  if (root_->kind == Node::Kind::constant && root_->constant.is_string()) return root_->constant.as_string();
  if (root_->kind == Node::Kind::from) {
    const Json* value = scope.find(root_->source);
    if (value == nullptr) return absent(root_->source);
    return text_of(*value, root_->source);
  }
  return fail(ErrorCode::invalid_argument, "a text was expected");
}

std::string Template::constant_prefix() const {
  if (root_ == nullptr) return "";
  if (root_->kind == Node::Kind::constant && root_->constant.is_string()) return root_->constant.as_string();
  std::string out;
  for (const Piece& piece : root_->pieces) {
    if (piece.filled) break;
    out += piece.constant;
  }
  return out;
}

Template::Template() = default;
Template::Template(const Template&) = default;
Template::Template(Template&&) noexcept = default;
Template& Template::operator=(const Template&) = default;
Template& Template::operator=(Template&&) noexcept = default;
Template::~Template() = default;

}  // namespace settle
