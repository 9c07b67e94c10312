import Configuration
import HTTPServer
import PostgreSQLStore
import SQLiteStore

/// Why the server did not start, in words that name what to change.
enum StartFailure {
  static func text(of error: any Error, _ configuration: ServerConfiguration) -> String {
    switch error {
    case HTTPServerError.addressInUse(let address, let port):
      "\(address):\(port) is in use; set DUCKMESH_HTTP_ADDR to another address"
    case let error as HTTPServerError:
      "cannot listen on \(configuration.listenAddress) (\(error)); see DUCKMESH_HTTP_ADDR"
    case DataFolder.Failure.held(let path, let holder):
      "the data folder \(path) is in use by \(holder); set DUCKMESH_DATA_DIR to another folder"
    case DataFolder.Failure.cannotCreate(let path, let reason):
      "the data folder \(path) cannot be used: \(reason); see DUCKMESH_DATA_DIR"
    case CatalogOpenError.newerCatalog(let found, let supported):
      "the catalog is of version \(found), this program knows up to \(supported): use a newer one"
    case let error as PostgreSQLOpenError: text(of: error)
    case CatalogLocationError.schemaTwice: "DUCKMESH_CATALOG_DSN names more than one schema"
    case CatalogLocationError.invalidSchema:
      "DUCKMESH_CATALOG_DSN: the schema must be of a-z, 0-9 and _, and not begin with a digit or pg_"
    default: "cannot start: \(error)"
    }
  }

  private static func text(of error: PostgreSQLOpenError) -> String {
    switch error {
    case .newerCatalog(let found, let supported):
      "the catalog is of version \(found), this program knows up to \(supported): use a newer one"
    case .olderCatalog(let found, let needed):
      "the catalog is of version \(found), this program needs \(needed): run \"duckmesh migrate up\""
        + " or set DUCKMESH_CATALOG_MIGRATE to auto"
    case .alteredMigration(let version):
      "version \(version) of the catalog was made by another program than this one"
    case .otherDataPath(let recorded, let configured):
      "the catalog's files are in \(recorded), this process would use \(configured): set"
        + " DUCKMESH_OBJECT_STORE to the folder that all processes share"
    case .database(.unavailable(let reason)):
      "the catalog cannot be reached (\(reason)); see DUCKMESH_CATALOG_DSN"
    case .database(.refused(let sqlState, let message)):
      "the database refuses (\(sqlState): \(message)); see DUCKMESH_CATALOG_DSN"
    case .database(.outcomeUnknown(let reason)):
      "the connection to the catalog was lost (\(reason)); start again"
    case .database(.closed): "the connection to the catalog is closed; start again"
    }
  }
}
