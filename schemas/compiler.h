#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "schemas/node.h"

namespace settle {

/// Compiles one document and what its references lead to; problems gather, so that all of them come back at once. One
/// compiler for one program. Thread: one.
class SchemaCompiler {
 public:
  explicit SchemaCompiler(SchemaProgram& program);

  /// Fills the program; empty when all is well.
  std::vector<Problem> run();

 private:
  struct Keyword;  // a keyword at its place
  struct MemberRow {
    std::string name;
    SchemaMember member;
  };

  // compile.cc: the walk, references, limits
  const SchemaNode* subschema(const Json& source, const SchemaNode& parent, std::string pointer);
  SchemaNode& node_of(const Json& source, const SchemaResource& resource, std::string pointer);
  void compile(SchemaNode& node);
  void compile_object(SchemaNode& node);
  void compile_waiting();
  void compile_dynamic_anchors();
  const SchemaNode* follow(const Keyword& keyword, std::string& anchor);
  void merge_members(SchemaNode& node);
  void unknown_keyword(const SchemaNode& node, std::string_view name);
  void beside_reference(const SchemaNode& node, std::string_view name, const SchemaKeyword* known);
  void finish(SchemaNode& node);
  void refuse_endless();
  bool spend(std::size_t count, const SchemaNode& node, std::string_view name);

  // compile_applicators.cc
  void apply(const Keyword& keyword);
  bool apply_here(const Keyword& keyword);
  bool apply_below(const Keyword& keyword);
  void definitions(const Keyword& keyword);
  void reference(const Keyword& keyword);
  std::vector<const SchemaNode*> list_of(const Keyword& keyword);
  void dependencies(const Keyword& keyword);
  void items(const Keyword& keyword);
  void properties(const Keyword& keyword);
  void pattern_properties(const Keyword& keyword);

  // compile_assertions.cc
  void assert_keyword(const Keyword& keyword);
  void type(const Keyword& keyword);
  void choices(const Keyword& keyword);
  void constant(const Keyword& keyword);
  void required(const Keyword& keyword);
  void dependent_required(const Keyword& keyword);
  void count(const Keyword& keyword);
  void bound(const Keyword& keyword);
  void multiple_of(const Keyword& keyword);
  void pattern(const Keyword& keyword);
  void format(const Keyword& keyword);
  void boolean_value(const Keyword& keyword);
  void text_value(const Keyword& keyword);
  std::unique_ptr<const SchemaPattern> regex(const Keyword& keyword, const std::string& text,
                                             const std::string& pointer);
  std::vector<std::string> names(const Keyword& keyword, const Json& list);

  void malformed(const Keyword& keyword, std::string expected, const Json& got);
  void problem(const SchemaResource& resource, std::string pointer, std::string code, std::string expected,
               std::string got, std::string message);

  SchemaProgram& program_;
  SchemaRegistry& registry_;
  std::unordered_map<const Json*, SchemaNode*> nodes_;
  std::vector<SchemaNode*> waiting_;                                           ///< that a reference leads to
  std::unordered_map<const SchemaNode*, std::vector<MemberRow>> member_rows_;  ///< of nodes under way
  std::size_t depth_ = 0;
  std::size_t spent_ = 0;
  bool exhausted_ = false;
  std::vector<Problem> problems_;
};

/// A keyword of a subschema while it is compiled.
struct SchemaCompiler::Keyword {
  std::string_view name;
  SchemaWord word;
  const Json& value;
  SchemaNode& node;

  std::string pointer() const;  ///< of the keyword in its document
};

SchemaStringRules& string_rules(SchemaNode& node);
SchemaNumberRules& number_rules(SchemaNode& node);
SchemaObjectRules& object_rules(SchemaNode& node);
SchemaArrayRules& array_rules(SchemaNode& node);
SchemaChoices& choices_of(SchemaNode& node);
SchemaApplicators& applicators_of(SchemaNode& node);

}  // namespace settle
