import LakeTables

/// A function that runs inside the database.
///
/// Its name ends in a number over its text. A program installs the functions it was built with and
/// calls no others, so programs of different releases work side by side on one catalog, and an
/// edited function can never be mistaken for the one that an older program has installed.
struct SQLFunction: Sendable {
  /// What SQL calls it.
  let name: String
  let createStatement: String

  /// - Parameters:
  ///   - name: without the prefix `duckmesh_`, at most 36 letters.
  ///   - definition: all of `CREATE FUNCTION` after the name: parameters, result, body. It calls
  ///     other functions by their `name`, so that their numbers are part of its own.
  init(_ name: String, _ definition: String) {
    precondition(name.utf8.count <= 36, "PostgreSQL cuts names at 63 bytes")
    self.name = "duckmesh_\(name)_\(TextChecksum.hexadecimal(definition))"
    createStatement = "CREATE OR REPLACE FUNCTION \(self.name)\(definition)"
  }
}
