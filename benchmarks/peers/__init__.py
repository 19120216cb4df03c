"""Other job queues of Python, run as their documentation says, beside ours.

Each has a file with its application, which runs in a virtual environment of its own and imports
nothing of anyjob; `roster` says how its worker is started.
"""
