"""ClickHouse's own engine (chdb) behind as much of ClickHouse's HTTP interface as a client needs: a server for tests.

    front.py FOLDER [PASSWORD]

With FRONT_FORGETS=n in the environment, the first n inserts are done, but never answered. Listens on a free port of the loopback interface, prints it, keeps its data in FOLDER, and ends when its standard input does.
Every connection has a session of its own, so that what comes at once is done at once, as on a server. What a server bounds
is bounded here too: a form's field to 128 KiB. Checksums of compressed blocks are not looked at.
"""

import hmac
import os
import re
import struct
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from urllib.parse import parse_qsl, urlsplit

import pyarrow
from chdb import session

# What is no setting of the engine.
OURS = {"database", "default_format", "query", "decompress", "query_id", "session_id", "role", "wait_end_of_query"}
MAX_FIELD = 128 * 1024
# As the server has them in HTTPHandler: all other codes are 500.
STATUS = {36: 400, 47: 400, 62: 400, 115: 400, 60: 404, 81: 404, 158: 500, 159: 408, 192: 403, 193: 403, 516: 403, 497: 403}
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
# "INSERT INTO table(columns) FORMAT name", and the rows come in the body.
INSERT = re.compile(r"\s*(INSERT\s+INTO\s.*?)\s+FORMAT\s+(\w+)\s*\Z", re.IGNORECASE | re.DOTALL)


FORGETS = int(os.environ.get("FRONT_FORGETS", "0"))
INSERTS = count()


class Refused(Exception):
    """An error in the words of the server, with its code."""

    def __init__(self, code, text):
        super().__init__(f"Code: {code}. DB::Exception: {text} (version chdb)")


def blocks(body):
    """The data of a body in ClickHouse's own framing: checksum, method, sizes, data."""
    data, at = [], 0
    while at < len(body):
        method, packed, plain = struct.unpack_from("<BII", body, at + 16)
        block = body[at + 16 + 9 : at + 16 + packed]
        if method == 0x82:
            block = pyarrow.decompress(block, decompressed_size=plain, codec="lz4_raw").to_pybytes()
        elif method != 0x02:
            raise Refused(432, f"Unknown codec {method}")
        data.append(block)
        at += 16 + packed
    return b"".join(data)


def fields(body, content_type):
    """The fields of a form."""
    boundary = b"--" + content_type.split("boundary=", 1)[1].strip('"').encode()
    found = {}
    for part in body.split(boundary)[1:-1]:
        head, value = part.removeprefix(b"\r\n").split(b"\r\n\r\n", 1)
        name = re.search(rb'name="([^"]*)"', head)[1].decode()
        value = value.removesuffix(b"\r\n")
        if len(value) > MAX_FIELD:
            raise Refused(1000, f"Poco::Exception. HTML Form Exception: Field value too long, {name}")
        found[name] = value.decode()
    return found


class Front(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body of an answer are two writes, and the other side would wait for the second.
    disable_nagle_algorithm = True
    folder = password = None

    def setup(self):
        super().setup()
        self.session = session.Session(self.folder)

    def finish(self):
        self.session.close()
        super().finish()

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.answer(200, b"Ok.\n", {})

    def do_POST(self):
        body = self.body()
        try:
            answer = self.run(body)
            if answer is None:
                self.close_connection = True
                return
            self.answer(200, answer, {})
        except Exception as error:
            text = str(error)
            code = re.search(r"Code: (\d+)", text)
            code = int(code[1]) if code else 1002
            self.answer(STATUS.get(code, 500), text.encode() + b"\n", {"X-ClickHouse-Exception-Code": str(code)})

    def body(self):
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        data = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            data.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(data)

    def run(self, body):
        if self.password is not None:
            key = self.headers.get("X-ClickHouse-Key", "")
            if not hmac.compare_digest(key.encode(), self.password.encode()):
                user = self.headers.get("X-ClickHouse-User", "default")
                raise Refused(516, f"{user}: Authentication failed: password is incorrect. (AUTHENTICATION_FAILED)")
        asked = dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True))
        if self.headers.get("Content-Type", "").startswith("multipart/form-data"):
            asked |= fields(body, self.headers["Content-Type"])
            body = b""
        if asked.get("decompress") == "1":
            body = blocks(body)
        text = asked.get("query", "")
        if not text or not INSERT.match(text):
            text, body = text + body.decode(), b""
        params = {name[6:]: value for name, value in asked.items() if name.startswith("param_")}
        settings = {name: value for name, value in asked.items() if name not in OURS and not name.startswith("param_")}
        return self.execute(text, body, asked, params, settings)

    def execute(self, text, rows, asked, params, settings):
        if not all(NAME.match(name) for name in [*settings, asked.get("database", "default")]):
            raise Refused(36, "That is no name")
        self.session.query(f"USE {asked.get('database', 'default')}")
        try:
            for name, value in settings.items():
                quoted = value.replace("\\", "\\\\").replace("'", "\\'")
                self.session.query(f"SET {name} = '{quoted}'")
            insert = INSERT.match(text)
            if insert:
                # An empty body is no rows; the engine takes that as a statement without its data.
                if rows:
                    with self.session.send_insert(insert[1], insert[2]) as inserter:
                        inserter.append(rows)
                        inserter.finish()
                return None if next(INSERTS) < FORGETS else b""
            answer = self.session.query(text, asked.get("default_format", "TabSeparated"), params=params)
            return bytes(answer.bytes() or b"")
        finally:
            for name in settings:
                try:
                    self.session.query(f"SET {name} = DEFAULT")
                except Exception:
                    pass

    def answer(self, status, body, headers):
        if self.headers.get("Accept-Encoding") == "lz4":
            body = pyarrow.compress(body, codec="lz4", asbytes=True)
            headers["Content-Encoding"] = "lz4"
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main():
    Front.folder = sys.argv[1]
    Front.password = sys.argv[2] if len(sys.argv) > 2 else None
    # Holds the engine while no connection is open.
    engine = session.Session(Front.folder)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Front)
    server.daemon_threads = True
    print(server.server_port, flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()
    engine.close()
    os._exit(0)


main()
