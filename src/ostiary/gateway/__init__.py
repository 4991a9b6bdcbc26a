"""The way in: Envoy's configuration from the descriptors and the template in `deploy/`, and Envoy itself."""
