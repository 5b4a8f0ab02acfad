"""What measures: rounds, servers, processes, tables. What is measured is in the package `rows`."""
