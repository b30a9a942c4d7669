#pragma once

#include "workflows/step.h"

namespace settle::test {

/// Fails the test unless every run that came to an end, or to where it waits, has an event of this step that says so,
/// and the workflow too.
void check_events(const Workflow& before, const Workflow& after, const Transition& transition);

/// Nothing has happened to what has no record, and the header says how many have one.
void check_recorded(const Workflow& workflow);

}  // namespace settle::test
