"""An upstream: a real HTTP server on a free port that remembers what it was asked."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Upstream:
    """Answers everything with 200, a greeting of its own, and its name as the body."""

    def __init__(self, name):
        self.name = name
        self._lock = threading.Lock()
        self._seen = []
        self._server = Server(("127.0.0.1", 0), handler(self))
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def address(self):
        return "127.0.0.1:%d" % self._server.server_address[1]

    def saw(self, path, headers):
        with self._lock:
            self._seen.append((path, headers))

    def seen(self, path):
        """The headers of every request for this path."""
        with self._lock:
            return [headers for it, headers in self._seen if it == path]

    def stop(self):
        self._server.shutdown()
        self._server.server_close()


class Server(ThreadingHTTPServer):
    daemon_threads = True
    # Five by default, which drops the connections of clients that come at once.
    request_queue_size = 128


def handler(upstream):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Otherwise a response in two packets waits for the client's acknowledgement.
        disable_nagle_algorithm = True

        def do_GET(self):
            upstream.saw(self.path, self.headers)
            body = upstream.name.encode()
            self.send_response(200)
            self.send_header("x-greeting", "hello from " + upstream.name)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    return Handler
