"""One server under measurement: `python -m bench.serve application 8001` is bare, `… app 8001` is wrapped.

Both are the same application in the same process set-up, so that what differs is what authmw adds.
"""

from __future__ import annotations

import sys

import uvicorn

from example import everything


def main() -> None:
    name, port = sys.argv[1:]
    uvicorn.run(getattr(everything, name), host="127.0.0.1", port=int(port), log_level="warning", access_log=False)


if __name__ == "__main__":
    main()
