"""What the contract's own list names, and what nobody here can have."""

#: Bugs of other projects, each of which a mutant here repeats.
FIELD_BUGS = (
    "redis-py",
    "celery#7950",
    "kombu#1405",
    "kombu#1835",
    "watermill#437",
    "kombu#1098",
    "kombu#164",
    "kombu#2558",
    "dramatiq#258",
    "procrastinate#1518",
    "bull#1416",
    "lion-reader#917",
    "bull#308",
    "celery#9867",
    "taskiq",
    "kombu#337",
    "celery#3501",
    "dramatiq#444",
    "dramatiq#207",
    "faststream#2611",
    "rabbitmq-server#15725",
    "localstack#12278",
)

#: Properties that no backend here can have, and why.
NOBODYS = {
    "ORD-5": "contract 1.0 has no words for groups, so no backend here has them",
    "LIF-4": "there is one release so far; the next one will share a queue with it",
}
