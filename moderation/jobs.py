"""Names of the background jobs: the whole contract between the web door and the background door.

A job is a nudge and carries no data: the task that answers it looks at the rows and moves
them one step. A lost, doubled or late nudge therefore costs time and nothing else.
"""

SCORE = "btl.score"
DELIVER = "btl.deliver"
SWEEP = "btl.sweep"
RETAIN = "btl.retain"
SEAL = "btl.seal"
LEARN = "btl.learn"
WATCH = "btl.watch"
INDEX = "btl.index"
CALL_BACK = "btl.call_back"

#: job -> the Celery queue whose workers answer it; slow receivers never delay scoring.
QUEUES = {
    SCORE: "score",
    DELIVER: "deliver",
    SWEEP: "deliver",
    RETAIN: "deliver",
    SEAL: "deliver",
    WATCH: "deliver",
    INDEX: "deliver",
    CALL_BACK: "deliver",
    LEARN: "score",
}
