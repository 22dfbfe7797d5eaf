"""Takes a function's code file by file. Files are written as they come, so that the code is held once."""

import os

from . import wire

CODE_FOLDER = "/var/task"


class Load:
    """What the host-agent says of the function that is loaded."""

    def __init__(self, message):
        self.function_name = self.function_version = self.handler = ""
        self.memory_limit_mib = 0
        self.environment = {}
        for number, value in wire.fields(message):
            if number == 1:
                self.function_name = str(value, "utf-8")
            elif number == 2:
                self.function_version = str(value, "utf-8")
            elif number == 3:
                self.handler = str(value, "utf-8")
            elif number == 4:
                self.memory_limit_mib = value
            elif number == 5:
                entry = wire.texts(value, {1: "name", 2: "value"})
                self.environment[entry["name"]] = entry["value"]

    @property
    def arn(self):
        """In the form that libraries take apart; it names nothing outside of Tidepool."""
        name = f"{self.function_name}:{self.function_version}"
        return f"arn:aws:lambda:local:000000000000:function:{name}"

    def variables(self, folder):
        """The environment of the function: what libraries look for to learn where they run, then its own."""
        return {
            "AWS_LAMBDA_FUNCTION_NAME": self.function_name,
            "AWS_LAMBDA_FUNCTION_VERSION": self.function_version,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(self.memory_limit_mib),
            "LAMBDA_TASK_ROOT": folder,
            "_HANDLER": self.handler,
            **self.environment,
        }


class CodeReceiver:
    def __init__(self, folder=CODE_FOLDER):
        self.folder = folder
        self._path = None
        self._file = -1
        self._failure = None

    def add(self, message):
        """A file that cannot be written makes the load fail, once all of it has come."""
        if self._failure is not None:
            return
        path, mode, content = "", 0o644, b""
        for number, value in wire.fields(message):
            if number == 1:
                path = str(value, "utf-8")
            elif number == 2:
                mode = value
            elif number == 3:
                content = value
        try:
            self._write(path, mode, content)
        except OSError as thrown:
            self._failure = thrown

    def finish(self):
        self._close()
        if self._failure is not None:
            raise self._failure

    def _write(self, path, mode, content):
        if self._path != path:
            self._close()
            target = os.path.join(self.folder, path)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            self._file = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode & 0o777)
            self._path = path
        while content:
            content = content[os.write(self._file, content) :]

    def _close(self):
        if self._path is not None:
            os.close(self._file)
        self._path = None
