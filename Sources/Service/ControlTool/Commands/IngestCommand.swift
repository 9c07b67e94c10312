/// `ingest`: loads a file or a stream into a table.
enum IngestCommand {
  static let specification = CommandSpecification(
    "ingest", arguments: "TABLE FILE|-", count: 2...2,
    summary: "Load a CSV or NDJSON file, or standard input, into a table.",
    details: """
      Input compressed with gzip is recognised. CSV values are sent in the types of the table's \
      columns; an empty field is NULL, an empty field in quotes is an empty text. Files are read \
      as they are sent, so their size does not matter.

      Running the same command again is safe and is how to resume: each row has an idempotency \
      key, so rows that the server has already are counted as duplicates and not added. The key \
      is made of the --key columns, or else of the SHA-256 of the file's content and the line. \
      Other options for the same file (--null, --columns) make other rows under the same keys, \
      which the server refuses with IDEMPOTENCY_KEY_REUSED.

      At the end the command waits until everything that it sent can be queried, so that the next \
      query sees all rows. When the wait runs out the rows are durable all the same: a note says \
      so, and the exit code is 0.

      The credential needs the role ingest_writer; for CSV also query_reader or table_admin, to see \
      the columns, and table_admin for --create.

      Requests that meet 429, 502, 503, 504 or a broken connection are sent again. Rows reach the \
      table in no particular order.
      """,
    options: options, examples: examples
  ) { invocation throws(ToolFailure) in
    let options = try IngestOptions(invocation.arguments)
    return options.isBulk
      ? try BulkRun(options, invocation).run() : try IngestRun(options, invocation).run()
  }

  private static let options = [
    OptionSpecification(
      "--create", "Make the table if it does not exist, with types inferred from the whole file."),
    OptionSpecification(
      "--null", "TEXT", repeats: true, "A field of this text is NULL, such as NA."),
    OptionSpecification("--key", "COLUMNS", "The columns, with commas, that identify a row."),
    OptionSpecification("--format", "FORMAT", "csv or ndjson. Default: by the file's name."),
    OptionSpecification("--delimiter", "CHARACTER", "Between CSV fields. Default: a comma."),
    OptionSpecification("--columns", "NAMES", "Names, with commas, in place of the CSV header's."),
    OptionSpecification("--no-header", "The first CSV line is data. Needs --columns."),
    OptionSpecification("--batch", "ROWS", "Rows in a request, 1 to 10000. Default: 1000."),
    OptionSpecification("--concurrency", "COUNT", "Requests at once, 1 to 64. Default: 8."),
    OptionSpecification("--wait", "Have each request answered only when its rows can be queried."),
    OptionSpecification(
      "--no-final-wait", "End when all rows are durable, before they can be queried."),
    OptionSpecification(
      "--visibility-timeout-ms", "MS",
      "How long to wait until rows can be queried: at the end (default 60000), or with --wait for "
        + "each request (default: the server's)."),
    OptionSpecification(
      "--on-error", "ACTION",
      "stop (default) at a bad row, or dead_letter: keep it on the server and go on."),
    OptionSpecification("--retries", "COUNT", "How often a request is sent again. Default: 9."),
    OptionSpecification("--timeout-ms", "MS", "For one request. Default: 60000."),
    OptionSpecification(
      "--bulk",
      "Send the file as it is, as one batch under one key: NDJSON, CSV, Parquet or Arrow by the "
        + "file's name, also with .gz or .zst. --timeout-ms is 3600000 then unless given."),
    OptionSpecification("--quiet", "No progress bar."),
  ]

  private static let examples: [CommandSpecification.Example] = [
    .init(
      command: "duckmeshctl ingest flights flights.csv.gz --create --null NA",
      meaning: "Make a table from a file and load it."),
    .init(
      command: "tail -f events.ndjson | duckmeshctl ingest events - --format ndjson --key id",
      meaning: "Load a stream whose rows have an id."),
    .init(
      command: "duckmeshctl ingest visits visits.tsv --delimiter '\\t' --key user_id,visited_at",
      meaning: "Tab-separated, with a key of two columns."),
    .init(
      command: "duckmeshctl ingest trips trips.parquet --bulk",
      meaning: "Load a whole file as one batch."),
  ]
}
