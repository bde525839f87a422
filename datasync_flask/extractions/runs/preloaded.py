"""What a run needs, loaded once in the process that runs are forked from. It would take each run over a second."""

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
# Otherwise the first query in each process would do it.
configure_mappers()
# The first client loads the trusted certificates.
BoundedClient().close()
# A run creates little garbage: collecting it took half of a short run's time.
gc.set_threshold(50_000, 20, 50)
gc.freeze()
