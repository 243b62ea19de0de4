/* The life of one thread of the server: set up, run, taken down. */
#ifndef GW_SERVER_WORKER_H
#define GW_SERVER_WORKER_H

#include "server/thread.h"

int gw_worker_init(gw_worker *worker, aigw_server *server, int listen_fd, aigw_error *err);
void gw_worker_free(gw_worker *worker); /* an uninitialised, zeroed one is fine */
/* Runs until the server was stopped and the connections have ended. Sets worker->code and error. */
void gw_worker_run(gw_worker *worker);

#endif
