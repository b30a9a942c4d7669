#include <algorithm>
#include <iterator>

#include "base/pointer.h"
#include "base/text.h"
#include "schemas/compiler.h"

namespace settle {
namespace {

constexpr std::size_t depth_max = 64;
constexpr std::size_t spent_max = 10'000;
constexpr std::size_t problems_max = 100;

/// Comparing with a constant of up to so many bytes costs no step.
constexpr std::size_t short_text = 63;

/// Adds a problem while there are not too many. A place in a preloaded document is no place of this one: the message
/// names it.
void note(std::vector<Problem>& problems, const SchemaResource& resource, Problem problem) {
  if (problems.size() >= problems_max) return;
  if (resource.outside) {
    problem.message += " (at \"" + problem.pointer + "\" of the schema \"" + shorten(resource.uri, 200) + "\")";
    problem.pointer.clear();
  }
  problems.push_back(std::move(problem));
}

std::string quoted(std::string_view text) {
  return "\"" + shorten(text, 80) + "\"";
}

/// Words that say nothing of an instance themselves.
bool is_silent(SchemaWord word) {
  switch (word) {
    case SchemaWord::dialect:
    case SchemaWord::id:
    case SchemaWord::anchor:
    case SchemaWord::dynamic_anchor:
    case SchemaWord::vocabularies:
    case SchemaWord::comment:
    case SchemaWord::defs:
    case SchemaWord::text_note:
    case SchemaWord::boolean_note:
    case SchemaWord::list_note:
    case SchemaWord::any_note:
      return true;
    default:
      return false;
  }
}

bool asks_members_only(const SchemaObjectRules& rules) {
  return rules.patterns.empty() && rules.names == nullptr;
}

bool asks_elements_only(const SchemaArrayRules& rules) {
  return rules.prefix.empty() && rules.contains == nullptr;
}

bool refers_only(const SchemaApplicators& rules) {
  return rules.ref != nullptr && !rules.dynamic_ref && rules.all_of.empty() && rules.any_of.empty() &&
         rules.one_of.empty() && rules.negation == nullptr && rules.condition == nullptr && rules.dependencies.empty();
}

/// Whether `texts` alone decides. A short string as a constant becomes an enum of one.
bool asks_texts_only(SchemaChoices& rules) {
  if (rules.constant == nullptr) return rules.texts_only;
  if (rules.choices != nullptr || !rules.constant->is_string()) return false;
  if (rules.constant->as_string().size() > short_text) return false;
  rules.texts.build({rules.constant->as_string()});
  return true;
}

/// Under a dynamic scope, whatever asks other schemas must go through it.
SchemaAsk ask_of(SchemaNode& node, bool dynamic) {
  const int kinds = (node.string ? 1 : 0) + (node.number ? 1 : 0) + (node.choices ? 1 : 0) + (node.object ? 1 : 0) +
                    (node.array ? 1 : 0) + (node.applicators ? 1 : 0);
  if (node.tracks) return SchemaAsk::rules;
  if (kinds == 0) return SchemaAsk::nothing;
  const bool leaf = !node.object && !node.array && !node.applicators;
  if (leaf && kinds > 1) return SchemaAsk::leaf;
  if (kinds > 1 || (dynamic && !leaf)) return SchemaAsk::rules;
  if (node.string) return node.string->pattern || node.string->format ? SchemaAsk::text : SchemaAsk::length;
  if (node.number) {
    return node.number->integer_range && node.number->multiple_of == nullptr ? SchemaAsk::range : SchemaAsk::leaf;
  }
  if (node.choices) return asks_texts_only(*node.choices) ? SchemaAsk::texts : SchemaAsk::leaf;
  if (node.object) return asks_members_only(*node.object) ? SchemaAsk::members : SchemaAsk::rules;
  if (node.array) return asks_elements_only(*node.array) ? SchemaAsk::elements : SchemaAsk::rules;
  return refers_only(*node.applicators) ? SchemaAsk::refers : SchemaAsk::rules;
}

/// Every node that is asked about the same instance as `node`.
std::vector<const SchemaNode*> asked_of_the_same(const SchemaNode& node) {
  if (node.applicators == nullptr) return {};
  const SchemaApplicators& in = *node.applicators;
  std::vector<const SchemaNode*> out = {in.ref, in.negation, in.condition, in.then_branch, in.else_branch};
  for (const auto* list : {&in.all_of, &in.any_of, &in.one_of}) out.insert(out.end(), list->begin(), list->end());
  for (const SchemaDependency& dependency : in.dependencies) out.push_back(dependency.schema);
  std::erase(out, nullptr);
  return out;
}

}  // namespace

std::string SchemaCompiler::Keyword::pointer() const {
  return node.pointer + "/" + escape_token(name);
}

SchemaCompiler::SchemaCompiler(SchemaProgram& program) : program_(program), registry_(*program.registry) {}

std::vector<Problem> SchemaCompiler::run() {
  const SchemaResource& resource = registry_.add_document(program_.document);
  SchemaNode& top = node_of(program_.document, resource, "");
  program_.top = &top;
  compile(top);
  compile_waiting();
  if (program_.dynamic) compile_dynamic_anchors();
  if (problems_.empty()) refuse_endless();
  for (SchemaNode& node : program_.nodes) node.ask = ask_of(node, program_.dynamic);
  return std::move(problems_);
}

SchemaNode& SchemaCompiler::node_of(const Json& source, const SchemaResource& resource, std::string pointer) {
  SchemaNode*& node = nodes_[&source];
  if (node != nullptr) return *node;
  node = &program_.nodes.emplace_back();
  node->source = &source;
  node->resource = &resource;
  node->pointer = std::move(pointer);
  return *node;
}

const SchemaNode* SchemaCompiler::subschema(const Json& source, const SchemaNode& parent, std::string pointer) {
  SchemaNode& node = node_of(source, registry_.resource_of(source, *parent.resource), std::move(pointer));
  ++depth_;
  compile(node);
  --depth_;
  return &node;
}

void SchemaCompiler::compile(SchemaNode& node) {
  if (node.compiled) return;
  node.compiled = true;
  if (!spend(1, node, "")) return;
  if (depth_ > depth_max) {
    return problem(*node.resource, node.pointer, "schema_too_deep", "subschemas nested at most 64 deep", "one more",
                   "the schema is nested too deeply; flatten it, or refer to its parts by $ref");
  }
  if (node.source->is_bool()) {
    const bool accepts = node.source->as_bool();
    node.boolean = accepts ? SchemaNode::Boolean::accepts_all : SchemaNode::Boolean::accepts_none;
    node.kinds = accepts ? json_kinds::all : json_kinds::none;
    return;
  }
  if (!node.source->is_object()) {
    return problem(*node.resource, node.pointer, "schema_malformed", "an object, true or false",
                   std::string(node.source->type_name()), "a schema must be an object, true or false");
  }
  compile_object(node);
}

void SchemaCompiler::compile_object(SchemaNode& node) {
  const SchemaDialect& dialect = node.resource->dialect;
  const bool refuse = program_.options.unknown_keywords == UnknownKeywords::refuse && !node.resource->outside;
  const bool only_reference = dialect.draft == SchemaDraft::draft_07 && node.source->find("$ref") != nullptr;
  bool refers = false, says = false;
  for (const auto& [name, value] : node.source->as_object()) {
    const SchemaKeyword* known = find_keyword(name, dialect);
    if (only_reference && name != "$ref" && name != "definitions") {
      if (refuse) beside_reference(node, name, known);
      continue;
    }
    if (known == nullptr) {
      if (refuse) unknown_keyword(node, name);
      continue;
    }
    const bool refers_here = known->word == SchemaWord::ref || known->word == SchemaWord::all_of;
    refers = refers || refers_here;
    says = says || (!refers_here && !is_silent(known->word));
    apply(Keyword{known->name, known->word, value, node});
  }
  node.refers_only = refers && !says;
  finish(node);
}

/// `properties` and `required` each added their rows: one row a name is left, in the order of `properties`.
void SchemaCompiler::merge_members(SchemaNode& node) {
  const auto found = member_rows_.find(&node);
  if (found == member_rows_.end()) return;
  std::vector<MemberRow> rows = std::move(found->second);
  member_rows_.erase(found);
  // What `properties` names comes first: instances are likely to have that in the same order.
  std::vector<MemberRow> required;
  for (MemberRow& row : rows) {
    if (row.member.schema == nullptr) required.push_back(std::move(row));
  }
  std::erase_if(rows, [](const MemberRow& row) { return row.member.schema == nullptr; });
  std::ranges::move(required, std::back_inserter(rows));
  std::unordered_map<std::string_view, std::size_t> index;
  SchemaObjectRules& rules = object_rules(node);
  std::vector<std::string> names;
  index.reserve(rows.size());
  for (const MemberRow& row : rows) {
    const auto [at, added] = index.try_emplace(row.name, names.size());
    if (added) {
      names.push_back(row.name);
      rules.members.push_back(row.member);
      continue;
    }
    SchemaMember& member = rules.members[at->second];
    if (member.required && row.member.required) {
      problem(*node.resource, node.pointer + "/required", "schema_malformed", "each name once", quoted(row.name),
              "the keyword \"required\" takes each name once");
    }
    member.required = member.required || row.member.required;
  }
  rules.required_count = static_cast<std::size_t>(std::ranges::count(rules.members, true, &SchemaMember::required));
  rules.table.build(std::move(names));
}

void SchemaCompiler::finish(SchemaNode& node) {
  merge_members(node);
  node.tracks = node.unevaluated_properties != nullptr || node.unevaluated_items != nullptr;
}

/// References may lead to places that were not met on the way down.
void SchemaCompiler::compile_waiting() {
  while (!waiting_.empty() && !exhausted_) {
    SchemaNode* node = waiting_.back();
    waiting_.pop_back();
    depth_ = 0;
    compile(*node);
  }
}

const SchemaNode* SchemaCompiler::follow(const Keyword& keyword, std::string& anchor) {
  Result<SchemaSpot> spot = registry_.resolve(*keyword.node.resource, keyword.value.as_string());
  if (!spot) {
    problem(*keyword.node.resource, keyword.pointer(), "schema_reference",
            "a place in this document, in a preloaded one or in a bundled meta-schema",
            quoted(keyword.value.as_string()), "the reference leads nowhere: " + spot.error().message);
    return nullptr;
  }
  anchor = std::move(spot->anchor);
  SchemaNode& node = node_of(*spot->place, *spot->resource, std::move(spot->pointer));
  if (!node.compiled) waiting_.push_back(&node);
  return &node;
}

/// Which node a $dynamicRef means is known only while an instance is evaluated, so each resource that has nodes has
/// them for its dynamic anchors too; compiling one may bring further resources in.
void SchemaCompiler::compile_dynamic_anchors() {
  for (std::size_t done = 0; done < program_.nodes.size() && !exhausted_; ++done) {
    const SchemaResource* resource = program_.nodes[done].resource;
    auto [row, added] = program_.dynamic_anchors.try_emplace(resource);
    if (!added) continue;
    for (const auto& [name, anchor] : resource->anchors) {
      if (!anchor.dynamic) continue;
      SchemaNode& node = node_of(*anchor.place, registry_.resource_of(*anchor.place, *resource), anchor.pointer);
      row->second.emplace(name, &node);
      if (!node.compiled) waiting_.push_back(&node);
    }
    compile_waiting();
  }
}

/// A schema that asks itself about the same instance would never end.
void SchemaCompiler::refuse_endless() {
  enum class Mark : std::uint8_t { open, done };
  struct Visit {
    const SchemaNode* node;
    std::vector<const SchemaNode*> next;
  };
  std::unordered_map<const SchemaNode*, Mark> marks;
  for (const SchemaNode& start : program_.nodes) {
    if (start.applicators == nullptr || marks.contains(&start)) continue;
    std::vector<Visit> visits = {{&start, asked_of_the_same(start)}};
    marks[&start] = Mark::open;
    while (!visits.empty()) {
      if (visits.back().next.empty()) {
        marks[visits.back().node] = Mark::done;
        visits.pop_back();
        continue;
      }
      const SchemaNode* next = visits.back().next.back();
      visits.back().next.pop_back();
      const auto [mark, added] = marks.try_emplace(next, Mark::open);
      if (added) {
        visits.push_back({next, asked_of_the_same(*next)});
      } else if (mark->second == Mark::open) {
        return problem(*next->resource, next->pointer, "schema_endless", "references that lead on in the instance",
                       "a schema that refers to itself at the same place",
                       "this schema asks itself about the same instance, without end; put the reference below "
                       "properties or items");
      }
    }
  }
}

void SchemaCompiler::unknown_keyword(const SchemaNode& node, std::string_view name) {
  const SchemaDialect& dialect = node.resource->dialect;
  const std::vector<std::string> known = keyword_names(dialect);
  std::string list;
  for (const std::string& keyword : known) list.append(list.empty() ? "" : ", ").append(keyword);
  const bool old = dialect.draft == SchemaDraft::draft_07;
  const SchemaDialect other = {old ? SchemaDraft::draft_2020_12 : SchemaDraft::draft_07, vocabulary::standard};
  std::string message = "the keyword " + quoted(name) + " is not known";
  if (find_keyword(name, other) != nullptr) {
    message += old ? " in draft-07; it came later, so $schema should name 2020-12"
                   : " in 2020-12; it belongs to draft-07, which $schema may name";
  } else if (const std::optional<std::string> close = nearest(name, known)) {
    message += did_you_mean(close);
  } else {
    message += "; what Settle can't check, it refuses: say it with the known ones, or leave it out";
  }
  problem(*node.resource, node.pointer + "/" + escape_token(name), "schema_unknown_keyword",
          "one of the keywords " + list, quoted(name), std::move(message));
}

/// In draft-07 nothing beside $ref counts. Notes don't matter, but a rule that is never asked is a mistake.
void SchemaCompiler::beside_reference(const SchemaNode& node, std::string_view name, const SchemaKeyword* known) {
  if (known == nullptr) return unknown_keyword(node, name);
  if (is_silent(known->word)) return;
  problem(*node.resource, node.pointer + "/" + escape_token(name), "schema_ignored", "$ref alone", quoted(name),
          "draft-07 ignores what stands beside $ref; put both into allOf, or let $schema name 2020-12");
}

/// Counts what the schema makes the validator hold; false once it is too much, which is reported once.
bool SchemaCompiler::spend(std::size_t count, const SchemaNode& node, std::string_view name) {
  spent_ += count;
  if (spent_ <= spent_max) return true;
  if (!exhausted_) {
    problem(*node.resource, node.pointer + (name.empty() ? "" : "/" + std::string(name)), "schema_too_deep",
            "at most 10000 subschemas, enum values and required names", "more",
            "the schema is too large; split the tool or loosen the schema");
  }
  exhausted_ = true;
  return false;
}

void SchemaCompiler::malformed(const Keyword& keyword, std::string expected, const Json& got) {
  std::string message = "the keyword \"" + std::string(keyword.name) + "\" takes " + expected;
  problem(*keyword.node.resource, keyword.pointer(), "schema_malformed", std::move(expected), shortened_json(got, 80),
          std::move(message));
}

void SchemaCompiler::problem(const SchemaResource& resource, std::string pointer, std::string code,
                             std::string expected, std::string got, std::string message) {
  note(problems_, resource,
       {std::move(pointer), std::move(code), std::move(expected), std::move(got), std::move(message)});
}

Result<Schema> Schema::compile(const Json& document, const SchemaOptions& options) {
  auto program = std::make_unique<SchemaProgram>();
  program->document = document;
  program->options = options;
  std::vector<Problem> identifiers;
  const auto complain = [&](const SchemaResource& resource, std::string pointer, std::string code, std::string expected,
                            const Json& got, std::string message) {
    note(identifiers, resource,
         {std::move(pointer), std::move(code), std::move(expected), shortened_json(got, 80), std::move(message)});
  };
  program->registry = std::make_unique<SchemaRegistry>(program->options, complain);
  std::vector<Problem> problems = SchemaCompiler(*program).run();
  problems.insert(problems.begin(), std::make_move_iterator(identifiers.begin()),
                  std::make_move_iterator(identifiers.end()));
  if (problems.empty()) return Schema(std::move(program));
  std::string message = "the schema was refused: " + problems.front().message;
  if (problems.size() > 1) message += " (and " + std::to_string(problems.size() - 1) + " more)";
  return fail(ErrorCode::invalid_tool, std::move(message), std::move(problems));
}

Schema::Schema(std::unique_ptr<const SchemaProgram> program) : program_(std::move(program)) {}
Schema::~Schema() = default;
Schema::Schema(Schema&&) noexcept = default;
Schema& Schema::operator=(Schema&&) noexcept = default;

const Json& Schema::document() const {
  return program_->document;
}

}  // namespace settle
