import Runtime

/// One thing that goes wrong, as it was drawn.
struct Fault: Sendable, Equatable {
  enum Kind: Sendable, Equatable {
    case kill
    /// The process is started with this point armed, and ends there.
    case crash(CrashPoint)
    /// The process stops there for that long, while others may take over what it holds.
    case sleep(CrashPoint, milliseconds: Int)
    /// The process is killed while a call of it waits for this lock in PostgreSQL: the call may
    /// still be carried out, and nobody hears of it.
    case killInside(Lock)
    /// The same wait; the session is ended, or the process paused, instead.
    case endSessionInside(Lock)
    case pauseInside(Lock, milliseconds: Int)
    /// The call is carried out, its answer is lost, and the process is paused that long before it
    /// can ask what has become of it.
    case loseAnswer(Lock, milliseconds: Int)
    case pause(milliseconds: Int)
    case cutConnections
    /// The relay breaks at a message of the protocol.
    case breakAtMessage(toServer: Bool, type: Character?, skipping: Int, isReset: Bool)
    case endSessions(count: Int)
    case restartPostgreSQL(isCrash: Bool)
    case removePostgreSQL(milliseconds: Int)
    case refuseConnections(milliseconds: Int)
    case holdLakeHead(milliseconds: Int)
    case takeStoreAway(milliseconds: Int)
  }

  /// A row of PostgreSQL that a kind of call must lock.
  enum Lock: String, Sendable, CaseIterable {
    case publish
    case commit
    case merge

    /// The last step before the call at which the process can be had to stop.
    var pointBefore: CrashPoint? {
      switch self {
      case .publish: nil
      case .commit: .afterPut
      case .merge: .mergeAfterPut
      }
    }
  }

  let pauseBeforeMs: Int
  let kind: Kind
  /// Which of the processes that can have it, by a fraction.
  let victim: Double
  /// How long a process that has ended stays away.
  let absenceMs: Int

  /// The role that the fault needs; nil for any.
  var role: String? {
    switch kind {
    case .crash(let point), .sleep(let point, _):
      switch point {
      case .insidePublish, .afterPublish: "api"
      case .mergeAfterPut, .insideMerge, .insideRewrite, .mergeAfterCommit, .expiryAfterCommit,
        .expiryAfterDelete, .restoreAfterPut, .insideRestore, .restoreAfterCommit:
        "maintenance"
      default: "coordinator"
      }
    case .killInside(let lock), .endSessionInside(let lock), .pauseInside(let lock, _),
      .loseAnswer(let lock, _):
      switch lock {
      case .publish: "api"
      case .commit: "coordinator"
      case .merge: "maintenance"
      }
    default: nil
    }
  }

  /// What the report counts it under.
  var name: String {
    switch kind {
    case .kill: "kill"
    case .crash(let point): "crash at " + point.rawValue
    case .sleep(let point, _): "pause past the lease at " + point.rawValue
    case .killInside(let lock): "kill inside " + lock.rawValue
    case .endSessionInside(let lock): "end session inside " + lock.rawValue
    case .pauseInside(let lock, _): "pause inside " + lock.rawValue
    case .loseAnswer(let lock, let milliseconds):
      "answer lost of \(lock.rawValue), process paused"
        + (milliseconds > TortureCluster.retentionMs ? " past retention" : "")
    case .pause: "pause"
    case .cutConnections: "cut connections"
    case .breakAtMessage(let toServer, _, _, _):
      "break at a message to the " + (toServer ? "server" : "client")
    case .endSessions: "end sessions"
    case .restartPostgreSQL(let isCrash): "restart PostgreSQL" + (isCrash ? ", crash" : "")
    case .removePostgreSQL: "PostgreSQL away"
    case .refuseConnections: "PostgreSQL refuses connections"
    case .holdLakeHead: "hold the lake's head"
    case .takeStoreAway: "object store away"
    }
  }
}
