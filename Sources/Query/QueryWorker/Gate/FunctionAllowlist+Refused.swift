extension FunctionAllowlist {
  /// Functions that were looked at and are refused; a line with `#` says why.
  ///
  /// Nothing is refused *by* this list: what is on no list is refused too.
  package static let refusedNames = refused(
    """
    # settings, variables and sequences
    current_setting currval getvariable in_search_path nextval setval
    # what other statements run, and under which id
    current_connection_id current_query current_query_id current_transaction_id get_block_size
    parse_duckdb_log_message stats txid_current vector_type write_log
    # waiting, failing and calling by name
    assert_true error invoke sleep_ms
    # statements as data
    json_deserialize_sql json_serialize_plan json_serialize_sql
    # bytes taken for internal state
    bitstring_byte_comparable can_cast_implicitly cast_to_type combine combine_aggr
    create_sort_key finalize get_type index_key json_copy_strftime_if_date
    json_copy_strftime_if_timestamp make_type remap_struct replace_type timetz_byte_comparable
    to_aggregate_state variant_bytes_to_variant variant_comparator variant_group_array
    variant_group_object variant_normalize variant_to_parquet_variant
    """)

  /// The same for functions in FROM: they read files, settings, catalogs or other statements.
  package static let refusedTableFunctions = refused(
    """
    arrow_scan arrow_scan_dumb checkpoint create_external_resource deregister_external_resource
    destroy_external_resource disable_logging disable_profiling duckdb_approx_database_count
    duckdb_available_metrics duckdb_columns duckdb_connection_count duckdb_constraints
    duckdb_coordinate_systems duckdb_databases duckdb_dependencies duckdb_dialects
    duckdb_eviction_queues duckdb_extension_repositories duckdb_extensions
    duckdb_external_file_cache duckdb_external_resource_types duckdb_external_resources
    duckdb_functions duckdb_grammar_extensions duckdb_indexes duckdb_keywords duckdb_log_contexts
    duckdb_logs duckdb_logs_parsed duckdb_memory duckdb_optimizers duckdb_prepared_statements
    duckdb_profiling_settings duckdb_schemas duckdb_secret_type_parameters duckdb_secret_types
    duckdb_secrets duckdb_sequences duckdb_settings duckdb_table_sample duckdb_tables
    duckdb_temporary_files duckdb_triggers duckdb_types duckdb_variables duckdb_views
    enable_logging enable_profiling force_checkpoint glob histogram histogram_values
    icu_calendar_names json_execute_serialized_sql pandas_scan parquet_bloom_probe
    parquet_file_metadata parquet_full_metadata parquet_kv_metadata parquet_metadata parquet_scan
    parquet_schema pragma_collations pragma_database_size pragma_metadata_info pragma_platform
    pragma_show pragma_storage_info pragma_table_info pragma_user_agent pragma_version
    python_arrow_scan python_map_function query query_table read_blob read_csv read_csv_auto
    read_duckdb read_json read_json_auto read_json_objects read_json_objects_auto read_ndjson
    read_ndjson_auto read_ndjson_objects read_parquet read_single_csv_file read_single_json_file
    read_single_parquet_file read_text register_external_resource register_external_resource_type
    repeat seq_scan sniff_csv summary test_all_types test_vector_types truncate_duckdb_logs
    which_secret
    """)

  /// Internals of the engine that come by the hundred; COLLATE works without them.
  package static let refusedPrefixes = ["__", "collate_", "icu_collate_", "IS "]

  private static func refused(_ text: String) -> Set<String> {
    let lines = text.split(separator: "\n").filter { !$0.hasPrefix("#") }
    return Set(lines.flatMap { $0.split(separator: " ").map(String.init) })
  }
}
