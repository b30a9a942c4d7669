#pragma once

#include <string>
#include <vector>

#include "workflows/schema_fit.h"
#include "workflows/tool.h"

namespace settle {

/// Whether checks can hold of an answer that fits `answer`: their places exist, operators and expectations fit in type,
/// and a text that is one of a few is one of those. Expectations are typed by the tool's schemas. Problems:
/// check_not_in_schema, check_types, check_value. Nothing is said where the schema leaves it open.
void check_fits(const std::vector<Check>& checks, const SchemaView& answer, const Tool& tool,
                std::vector<Problem>& problems);

/// A pointer at `place` of a document leads into `answer`, and to a list if `list`. Problems: check_not_in_schema,
/// check_types. The view of what it leads to.
SchemaView check_pointer(const Pointer& pointer, const SchemaView& answer, bool list, const std::string& place,
                         std::vector<Problem>& problems);

/// Any element of the list at `list`.
SchemaView element_of(const SchemaView& list);

}  // namespace settle
