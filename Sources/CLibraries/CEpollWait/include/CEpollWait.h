// Nothing to call: see epoll_wait.c.
