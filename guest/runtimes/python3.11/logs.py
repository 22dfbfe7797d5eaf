"""`logging` as functions find it: a handler on the root logger that names the request in each line."""

import logging
import sys
import time


class Current:
    request_id = ""


current = Current()


class _Handler(logging.Handler):
    def emit(self, record):
        try:
            sys.stderr.write(self.format(record) + "\n")
        except Exception:
            self.handleError(record)


class _Formatter(logging.Formatter):
    converter = time.gmtime

    def format(self, record):
        record.aws_request_id = current.request_id
        return super().format(record)


def offer_logging():
    handler = _Handler()
    form = "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s"
    handler.setFormatter(_Formatter(form, "%Y-%m-%dT%H:%M:%S"))
    logging.getLogger().addHandler(handler)
