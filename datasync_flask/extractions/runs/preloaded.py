"""What a run needs, loaded once in the process that runs are forked from: it would take each run over a second."""

import gc

import duckdb  # noqa: F401
import psycopg  # noqa: F401
import pymysql  # noqa: F401
from setproctitle import setproctitle
from sqlalchemy.orm import configure_mappers

from datasync_flask.destinations import dlt_loading, dlt_postgres  # noqa: F401
from datasync_flask.extractions.runs import runner  # noqa: F401
from datasync_flask.salesforce.transport import BoundedClient

setproctitle("datasync fork server")
dlt_loading.load_library()
# Else the first query does it, in each process again.
configure_mappers()
# The first client is what loads the certificates that are trusted.
BoundedClient().close()
# A run loads much that stays and leaves little that is garbage: looking for it took half of a short run's time.
gc.set_threshold(50_000, 20, 50)
gc.freeze()
