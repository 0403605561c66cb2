"""The promises of usage_pipeline, as tests."""
