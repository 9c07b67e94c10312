import PostgreSQL
import Testing
