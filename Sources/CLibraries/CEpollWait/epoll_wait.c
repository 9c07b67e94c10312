#define _GNU_SOURCE
#include <signal.h>
#include <sys/epoll.h>

// libmicrohttpd 0.9.75 asks for up to 128 events, and when it gets them all it asks again before it
// looks at any, with the timeout of the first time: that is for ever, or until something else
// happens. Where 128 connections of a thread send at the same moment, and none of its others does
// anything, they all wait. So nobody in this program is given as many events as that: what is left
// over is told by the next call.
//
// The dynamic linker takes this definition for every library of the program, since the program's
// own symbols come first. It needs nothing that the system's call does not do for a null mask.
enum { most_events = 127 };

int epoll_wait(int epoll, struct epoll_event *events, int limit, int timeout) {
  return epoll_pwait(epoll, events, limit < most_events ? limit : most_events, timeout, NULL);
}
