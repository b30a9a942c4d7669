"""Tool documents for the service of world.py, one for each way of making a repeat safe."""
import copy

_INPUT = {"type": "object", "required": ["name"], "additionalProperties": False,
          "properties": {"name": {"type": "string", "minLength": 1}, "size": {"type": "integer", "minimum": 0},
                         "note": {"type": "string"}}}
_OUTPUT = {"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}, "name": {"type": "string"},
                                                               "size": {"type": "integer"}}}
_KEY = {"$from": "/idempotency_key"}
_QUICK = {"start_to_close_timeout": "60s", "schedule_to_close_timeout": "5m",
          "retry": {"initial_interval": "10ms", "backoff_coefficient": 2, "maximum_interval": "200ms",
                    "maximum_attempts": 5}}


def _call(method, path, **more):
    return {"connector": "http", "method": method, "url": {"$text": "${world}" + path}, **more}


def _read_back(path, **more):
    return {"read": _call("GET", path), "expect": [{"at": "/name", "equals": {"$from": "/input/name"}}],
            "within": "500ms", "interval": "20ms", **more}


def changed(tool, **members):
    """A copy with other members; None takes one out."""
    out = copy.deepcopy(tool)
    for name, value in members.items():
        out.pop(name, None)
        if value is not None:
            out[name] = value
    return out


KEY = {"name": "things.make", "description": "Makes a thing; repeats are recognized by the key.", "risk": "write",
       "input_schema": _INPUT, "output_schema": _OUTPUT,
       "execute": _call("POST", "/things", headers={"Idempotency-Key": _KEY},
                        body={"$from": "/input"}), "record_id": "/id",
       "idempotency": {"mode": "key", "window": "24h",
                       "quiet": "100ms"}, "verify": _read_back("/things/${/record_id}"), **_QUICK}

LOOKUP = changed(KEY, name="things.make_searchable", description="Makes a thing that can be searched by our reference.",
                 execute=_call("POST", "/things", headers={"X-Client-Reference": _KEY}, body={"$from": "/input"}),
                 idempotency={"mode": "lookup", "quiet": "100ms",
                              "lookup": {"read": _call("GET", "/things?reference=${/idempotency_key}"),
                                         "records": "/things"}})

NATURAL = changed(KEY, name="things.put", description="Makes or replaces a thing.",
                  execute=_call("PUT", "/things/${/input/name}", body={"$from": "/input"}),
                  idempotency={"mode": "natural", "quiet": "100ms"}, verify=_read_back("/things/${/input/name}"))

NONE = changed(KEY, name="orders.place", description="Places an order that nobody can take back or look up.",
               execute=_call("POST", "/orders", body={"$from": "/input"}), idempotency={"mode": "none"}, verify="none",
               reason="the shop shows no orders")

NONE_WITH_LOOK = changed(NONE, name="things.make_once", description="Makes a thing; a repeat would make a second one.",
                         execute=_call("POST", "/things",
                                       body={"$from": "/input"}), verify=_read_back("/things/${/input/name}"),
                         reason=None)

READ = {"name": "things.get", "description": "Reads a thing.", "risk": "read",
        "input_schema": {"type": "object", "required": ["id"], "additionalProperties": False,
                         "properties": {"id": {"type": "string", "minLength": 1}}},
        "output_schema": _OUTPUT, "execute": _call("GET", "/things/${/input/id}"), "record_id": "/id", **_QUICK}

ALL = (KEY, LOOKUP, NATURAL, NONE, NONE_WITH_LOOK, READ)


def make(id="make", tool=KEY, **more):
    """An action that makes a thing of its own name."""
    return {"id": id, "tool": tool["name"], "input": {"name": f"name-of-{id}"}, **more}
