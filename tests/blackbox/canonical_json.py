"""RFC 8785 for what these tests hold: strings, integers, true, false, null, lists and objects. (Doubles would need the
rules of ECMAScript; a document that holds one is refused, so that no test compares less than it says.)"""
import json


def canonical(value):
    if isinstance(value, float):
        raise TypeError("this canonical form knows no fractions")
    if isinstance(value, dict):
        # By UTF-16 code units, as the RFC says.
        names = sorted(value, key=lambda name: name.encode("utf-16-be"))
        return "{" + ",".join(f"{canonical(name)}:{canonical(value[name])}" for name in names) + "}"
    if isinstance(value, list):
        return "[" + ",".join(canonical(element) for element in value) + "]"
    return json.dumps(value, ensure_ascii=False)  # escapes what RFC 8785 escapes, and nothing else
