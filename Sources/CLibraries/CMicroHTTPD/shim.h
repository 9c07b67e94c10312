#pragma once
#include <stdarg.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <microhttpd.h>

// MHD_get_connection_info is variadic and its answer a union: neither reaches Swift.

static inline void *duckmesh_mhd_socket_context(struct MHD_Connection *connection) {
  const union MHD_ConnectionInfo *info =
      MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
  return info ? info->socket_context : NULL;
}

static inline int duckmesh_mhd_connection_fd(struct MHD_Connection *connection) {
  const union MHD_ConnectionInfo *info =
      MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
  return info ? info->connect_fd : -1;
}

// The status of the answer that is queued, or 0.
static inline unsigned int duckmesh_mhd_status(struct MHD_Connection *connection) {
  const union MHD_ConnectionInfo *info =
      MHD_get_connection_info(connection, MHD_CONNECTION_INFO_HTTP_STATUS);
  return info ? info->http_status : 0;
}

// MHD_set_response_options is variadic. The answer is sent without chunks and ends the connection.
static inline enum MHD_Result duckmesh_mhd_end_by_close(struct MHD_Response *response) {
  return MHD_set_response_options(response, MHD_RF_HTTP_1_0_COMPATIBLE_STRICT, MHD_RO_END);
}

// Declared by the system's headers only with _GNU_SOURCE, which a module cannot ask for.
extern int accept4(int descriptor, struct sockaddr *peer, socklen_t *length, int flags);
extern int pipe2(int descriptors[2], int flags);
