#include "base/problem.h"

namespace settle {

Json problem_document(const Problem& problem) {
  Json out = Json::object({{"pointer", problem.pointer},
                           {"code", problem.code},
                           {"expected", problem.expected},
                           {"got", problem.got},
                           {"message", problem.message}});
  if (!problem.suggestion.empty()) out.set("suggestion", problem.suggestion);
  return out;
}

Json problem_documents(const std::vector<Problem>& problems) {
  Json out = Json::array();
  for (const Problem& problem : problems) out.push_back(problem_document(problem));
  return out;
}

}  // namespace settle
