"""A small validator of JSON Schema 2020-12, for the keywords that api/openapi.json uses. Any other is an error,
so that nothing is taken for checked that is not."""
import re

_NOTES = {"description", "default", "format"}
_TYPES = {"string": str, "boolean": bool, "object": dict, "array": list, "null": type(None)}


def is_type(value, name):
    if name == "integer":
        return isinstance(value, int) and not isinstance(value, bool)
    if name == "number":
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    return isinstance(value, _TYPES[name])


class Validator:
    def __init__(self, document):
        self.document = document

    def resolve(self, reference):
        found = self.document
        for token in reference.removeprefix("#/").split("/"):
            found = found[token.replace("~1", "/").replace("~0", "~")]
        return found

    def problems(self, schema, value, at=""):
        """What is wrong, each as a line; empty when the value fits."""
        if schema is True:
            return []
        out = []
        for keyword, rule in schema.items():
            if keyword in _NOTES:
                continue
            check = getattr(self, "_" + keyword.removeprefix("$"), None)
            if check is None:
                raise KeyError(f"{keyword} at {at or '/'} is not known to this validator")
            out += check(rule, value, at, schema)
        return out

    def _ref(self, rule, value, at, _):
        return self.problems(self.resolve(rule), value, at)

    def _type(self, rule, value, at, _):
        names = [rule] if isinstance(rule, str) else rule
        return [] if any(is_type(value, name) for name in names) else [f"{at}: {value!r} is not {' or '.join(names)}"]

    def _enum(self, rule, value, at, _):
        return [] if value in rule else [f"{at}: {value!r} is none of {rule}"]

    def _const(self, rule, value, at, _):
        return [] if value == rule else [f"{at}: {value!r} is not {rule!r}"]

    def _pattern(self, rule, value, at, _):
        return [] if not isinstance(value, str) or re.search(rule,
                                                             value) else [f"{at}: {value!r} does not match {rule}"]

    def _minLength(self, rule, value, at, _):
        return [] if not isinstance(value, str) or len(value) >= rule else [f"{at}: shorter than {rule}"]

    def _maxLength(self, rule, value, at, _):
        return [] if not isinstance(value, str) or len(value) <= rule else [f"{at}: longer than {rule}"]

    def _minimum(self, rule, value, at, _):
        return [] if not is_type(value, "number") or value >= rule else [f"{at}: below {rule}"]

    def _maximum(self, rule, value, at, _):
        return [] if not is_type(value, "number") or value <= rule else [f"{at}: above {rule}"]

    def _minItems(self, rule, value, at, _):
        return [] if not isinstance(value, list) or len(value) >= rule else [f"{at}: fewer than {rule}"]

    def _maxItems(self, rule, value, at, _):
        return [] if not isinstance(value, list) or len(value) <= rule else [f"{at}: more than {rule}"]

    def _required(self, rule, value, at, _):
        return [f"{at}: {name} is missing" for name in rule if isinstance(value, dict) and name not in value]

    def _properties(self, rule, value, at, _):
        if not isinstance(value, dict):
            return []
        return [problem for name, schema in rule.items() if name in value for problem in self.problems(schema,
            value[name], f"{at}/{name}")]

    def _additionalProperties(self, rule, value, at, schema):
        more = [name for name in value if name not in schema.get("properties", {})] if isinstance(value, dict) else []
        if rule is False:
            return [f"{at}: {name} is not described" for name in more]
        return [problem for name in more for problem in self.problems(rule, value[name], f"{at}/{name}")]

    def _unevaluatedProperties(self, rule, value, at, schema):
        if rule is not False:
            raise KeyError(f"unevaluatedProperties at {at or '/'} is known to this validator as false only")
        known = self._described(schema)
        return [f"{at}: {name} is not described" for name in value if name not in known] if isinstance(value, dict) else []

    def _described(self, schema):
        """The members that the schema itself, what it refers to and what it joins describe."""
        names = set(schema.get("properties", {}))
        joined = schema.get("allOf", []) + ([self.resolve(schema["$ref"])] if "$ref" in schema else [])
        return names.union(*(self._described(each) for each in joined))

    def _allOf(self, rule, value, at, _):
        return [problem for schema in rule for problem in self.problems(schema, value, at)]

    def _items(self, rule, value, at, _):
        if not isinstance(value, list):
            return []
        return [problem for index, each in enumerate(value) for problem in self.problems(rule, each, f"{at}/{index}")]

    def _anyOf(self, rule, value, at, _):
        tried = [self.problems(schema, value, at) for schema in rule]
        return [] if not all(tried) else min(tried, key=len)
