"""The three services as local servers: for the demo, the tests, and people who write rules."""
