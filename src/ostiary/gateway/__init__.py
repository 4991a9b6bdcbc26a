"""Gateway: Envoy's configuration from the descriptors and the template in `deploy/`, and the Envoy program."""
