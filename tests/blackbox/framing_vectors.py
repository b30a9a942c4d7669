"""Requests that two readers could understand differently, after RFC 9112 and RFC 9110, each with what must answer it.

A vector is (name, bytes, statuses): the statuses of all answers, in order. Nothing follows a refusal. What stands behind the
bytes of a refused request must never be answered: `SMUGGLED` is such a request.
"""
SMUGGLED = b"GET /v1/tools HTTP/1.1\r\nHost: localhost\r\n\r\n"
HOST = b"Host: localhost\r\n"


def get(target=b"/healthz", fields=b"", version=b"HTTP/1.1", host=HOST):
    return b"GET " + target + b" " + version + b"\r\n" + host + fields + b"\r\n"


def post(fields, body=b"", host=HOST):
    return b"POST /v1/plans:check HTTP/1.1\r\n" + host + b"Content-Type: application/json\r\n" + fields + b"\r\n" + body


def chunked(body, field=b"Transfer-Encoding: chunked\r\n"):
    return post(field, body)


# A plan that is refused for what it says, once it was read: the framing was taken.
READ = 422
PLAN = b'{"plan":{}}'


def taken():
    """What is good must stay good, or refusing everything would pass."""
    length = b"Content-Length: %d\r\n" % len(PLAN)
    whole = b"%x\r\n" % len(PLAN) + PLAN + b"\r\n0\r\n\r\n"
    return [
        ("two requests", get() * 2, [200, 200]),
        ("a body by length, and the next", post(length, PLAN) + get(), [READ, 200]),
        ("a chunked body, and the next", chunked(whole) + get(), [READ, 200]),
        ("a chunk for each byte", chunked(b"".join(b"1\r\n%c\r\n" % byte for byte in PLAN) + b"0\r\n\r\n") + get(),
         [READ, 200]),
        ("sizes in hexadecimal of either case", chunked(b"0B\r\n" + PLAN + b"\r\n000\r\n\r\n") + get(), [READ, 200]),
        ("a GET with a body", get(fields=b"Content-Length: 2\r\n") + b"{}" + get(), [400, 200]),
        ("white space around a value", post(b"Content-Length: \t11 \r\n", PLAN) + get(), [READ, 200]),
        ("an empty line in front", b"\r\n" + get(), [200]),
        ("an absolute target", get(b"http://localhost/healthz"), [200]),
        ("HTTP/1.0 without Host", b"GET /healthz HTTP/1.0\r\n\r\n", [200]),
        ("HTTP/1.0 that is kept", get(fields=b"Connection: keep-alive\r\n", version=b"HTTP/1.0") + get(), [200, 200]),
        ("HEAD", b"HEAD /healthz HTTP/1.1\r\n" + HOST + b"\r\n" + get(), [200, 200]),
        ("100 pipelined", get() * 100, [200] * 100),
    ]


def transfer_encodings():
    body = b"5\r\nhello\r\n0\r\n\r\n" + SMUGGLED
    values = [b"xchunked", b"chunked, identity", b"identity", b"gzip, chunked", b"chunked, chunked", b"identity, chunked",
              b"chunked;q=1", b"\"chunked\"", b"chunked,", b",chunked", b"chunk", b"chunked\x0b", b"", b"deflate",
              b"chunked, gzip", b"x chunked", b"'chunked'", b"chunked\xc2\xa0"]
    out = [(f"Transfer-Encoding: {value!r}", chunked(body, b"Transfer-Encoding: " + value + b"\r\n"), [400]) for value in values]
    field = b"Transfer-Encoding: chunked\r\n"
    return out + [
        ("length, then chunked", chunked(body, b"Content-Length: 3\r\n" + field), [400]),
        ("chunked, then length", chunked(body, field + b"Content-Length: 3\r\n"), [400]),
        ("chunked, and a length of zero", chunked(body, field + b"Content-Length: 0\r\n"), [400]),
        ("chunked twice", chunked(body, field * 2), [400]),
        ("identity and chunked in two fields", chunked(body, b"Transfer-Encoding: identity\r\n" + field), [400]),
        ("chunked in HTTP/1.0", b"POST /v1/plans:check HTTP/1.0\r\n" + HOST + field + b"\r\n" + body, [400]),
        ("white space before the colon", chunked(body, b"Transfer-Encoding : chunked\r\n"), [400]),
        ("folded", chunked(body, b"Transfer-Encoding:\r\n chunked\r\n"), [400]),
        ("folded with a tab", chunked(body, b"X: y\r\n\tTransfer-Encoding: chunked\r\n"), [400]),
        ("a name with a control byte", chunked(body, b"Transfer\x00-Encoding: chunked\r\n"), [400]),
        ("a name with a byte beyond ASCII", chunked(body, b"Transfer\xe2\x80\x90Encoding: chunked\r\n"), [400]),
    ]


def lengths():
    values = [b"5, 5", b"5,5", b"+5", b"-1", b"0x5", b"5 5", b"5.0", b"5e0", b"", b"five", b"99999999999999999999",
              b"18446744073709551621", b"\"5\"", b"5;", b"5\x00", b"\xd9\xa5", b"00000000000000000005"]
    out = [(f"Content-Length: {value!r}", post(b"Content-Length: " + value + b"\r\n", b"hello" + SMUGGLED), [400]) for value in values]
    return out + [
        ("two equal lengths", post(b"Content-Length: 5\r\nContent-Length: 5\r\n", b"hello" + SMUGGLED), [400]),
        ("two lengths", post(b"Content-Length: 5\r\nContent-Length: 0\r\n", b"hello" + SMUGGLED), [400]),
        ("two lengths in other letters", post(b"content-length: 5\r\nCONTENT-LENGTH: 0\r\n", b"hello" + SMUGGLED), [400]),
        ("a length of a gigabyte", post(b"Content-Length: 1073741824\r\n", b"hello"), [413]),
        ("a folded length", post(b"Content-Length:\r\n 5\r\n", b"hello" + SMUGGLED), [400]),
    ]


def chunks():
    bodies = [b"5;ext=1\r\nhello\r\n0\r\n\r\n", b"5;\r\nhello\r\n0\r\n\r\n", b"5 \r\nhello\r\n0\r\n\r\n", b" 5\r\nhello\r\n0\r\n\r\n",
              b"+5\r\nhello\r\n0\r\n\r\n", b"-5\r\nhello\r\n0\r\n\r\n", b"0x5\r\nhello\r\n0\r\n\r\n", b"5h\r\nhello\r\n0\r\n\r\n",
              b"\r\nhello\r\n0\r\n\r\n", b"5\nhello\n0\n\n", b"5\rhello\r0\r\r", b"5\r\nhelloX\r\n0\r\n\r\n",
              b"5\r\nhello0\r\n\r\n", b"5\r\nhello\n0\r\n\r\n", b"5\r\nhello\r\n0\r\nX: y\r\n\r\n",
              b"5\r\nhello\r\n0\r\nContent-Length: 5\r\n\r\n", b"5\r\nhello\r\n0\r\nHost: evil\r\n\r\n", b"5\r\nhello\r\n0\n\r\n",
              b"000000005\r\nhello\r\n0\r\n\r\n", b"10000000000000005\r\nhello\r\n0\r\n\r\n", b"5,5\r\nhello\r\n0\r\n\r\n",
              b"5\x00\r\nhello\r\n0\r\n\r\n", b"\xef\xbc\x95\r\nhello\r\n0\r\n\r\n", b"5_0\r\nhello\r\n0\r\n\r\n"]
    out = [(f"the chunks {body!r}", chunked(body + SMUGGLED), [400]) for body in bodies]
    return out + [("a chunk beyond the limit", chunked(b"ffffffff\r\nx"), [413])]


def lines():
    return [
        ("line ends without CR", get().replace(b"\r\n", b"\n"), [400]),
        ("line ends without LF", get().replace(b"\r\n", b"\r") + b"\r\n\r\n", [400]),
        ("one line end without CR", b"GET /healthz HTTP/1.1\n" + HOST + b"\r\n", [400]),
        ("CR in a value", get(fields=b"X: a\rb\r\n"), [400]),
        ("NUL in a value", get(fields=b"X: a\x00b\r\n"), [400]),
        ("DEL in a value", get(fields=b"X: a\x7fb\r\n"), [400]),
        ("a field without colon", get(fields=b"X\r\n"), [400]),
        ("a field without name", get(fields=b": x\r\n"), [400]),
        ("a name with a space", get(fields=b"X Y: z\r\n"), [400]),
        ("a name in brackets", get(fields=b"(X): z\r\n"), [400]),
        ("white space in front of the first field", b"GET /healthz HTTP/1.1\r\n " + HOST + b"\r\n", [400]),
        ("two empty lines in front", b"\r\n\r\n" + get(), [400]),
        ("a space in front", b" " + get(), [400]),
        ("two spaces", b"GET  /healthz HTTP/1.1\r\n" + HOST + b"\r\n", [400]),
        ("a tab", b"GET\t/healthz HTTP/1.1\r\n" + HOST + b"\r\n", [400]),
        ("a space at the end", b"GET /healthz HTTP/1.1 \r\n" + HOST + b"\r\n", [400]),
        ("no version", b"GET /healthz\r\n" + HOST + b"\r\n", [400]),
        ("HTTP/0.9", b"GET /healthz\r\n\r\n", [400]),
        ("no host", get(host=b""), [400]),
        ("two hosts", get(fields=b"Host: localhost\r\n"), [400]),
        ("an empty host", get(host=b"Host:\r\n"), [400]),
        ("a host with a path", get(host=b"Host: localhost/x\r\n"), [400]),
        ("a host with user information", get(host=b"Host: a@localhost\r\n"), [400]),
        ("two hosts in one", get(host=b"Host: localhost, localhost\r\n"), [400]),
        ("another host in the target", get(b"http://evil.example/healthz"), [400]),
        ("a method in lower case", b"get /healthz HTTP/1.1\r\n" + HOST + b"\r\n", [501]),
        ("CONNECT", b"CONNECT localhost:80 HTTP/1.1\r\n" + HOST + b"\r\n", [501]),
        ("TRACE", b"TRACE /healthz HTTP/1.1\r\n" + HOST + b"\r\n", [501]),
        ("a method with a control byte", b"GE\x00T /healthz HTTP/1.1\r\n" + HOST + b"\r\n", [400]),
        ("HTTP/1.2", get(version=b"HTTP/1.2"), [505]),
        ("HTTP/2.0", get(version=b"HTTP/2.0"), [505]),
        ("HTTP/11.1", get(version=b"HTTP/11.1"), [400]),
        ("HTTP/1.1 in lower case", get(version=b"http/1.1"), [400]),
        ("the preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", [501, 505]),
        ("an upgrade to h2c is not taken", get(fields=b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\n"),
         [200]),
    ]


def targets():
    wrong = [b"healthz", b"*", b"/a b", b"/\xc3\xa4", b"/%", b"/%2", b"/%zz", b"/%00", b"/%0d%0aX:y", b"/%ff", b"/a//b",
             b"/../healthz", b"/%2e%2e/healthz", b"/./healthz", b"/a/..;/b/../c", b"/healthz#x", b"/a\\b", b"/<x>", b"/{x}",
             b"ftp://localhost/healthz", b"//localhost/healthz", b"http://localhost:x/healthz", b"http:///healthz", b"/\x01"]
    out = [(f"the target {target!r}", get(target) + SMUGGLED, [400]) for target in wrong]
    return out + [("a body that is compressed", post(b"Content-Encoding: gzip\r\nContent-Length: 5\r\n", b"hello"), [415]),
                  ("an expectation", post(b"Expect: x\r\nContent-Length: 5\r\n", b"hello"), [417]),
                  ("two tokens", get(fields=b"Authorization: a\r\nAuthorization: b\r\n"), [400]),
                  ("two origins", get(fields=b"Origin: http://a\r\nOrigin: http://b\r\n"), [400]),
                  ("65 fields", get(fields=b"X: y\r\n" * 64), [431]),
                  ("a long header", get(fields=b"X: " + b"y" * 9000 + b"\r\n"), [431])]


def refused():
    return transfer_encodings() + lengths() + chunks() + lines() + targets()
