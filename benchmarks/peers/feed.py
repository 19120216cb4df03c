"""Enqueues for a peer as it is told: `python -m benchmarks.peers.feed saq nap 0.02`.

Each line of the standard input is a number of jobs, numbered on from the last; its answer is how
many there are, and comes when they are stored.
"""

from __future__ import annotations

import json
import sys

from benchmarks.peers.send import Steps, application_of, run_steps


def main() -> None:
    peer, task, *words = sys.argv[1:]
    application = application_of(peer)
    arguments = [json.loads(word) for word in words]

    def steps() -> Steps:
        number = 0
        for line in sys.stdin:
            wanted = number + int(line)
            while number < wanted:
                yield application.enqueue(task, number, *arguments)
                number += 1
            print(number, flush=True)
        return {}

    run_steps(application, steps())


main()
