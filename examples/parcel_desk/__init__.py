"""The demo: a parcel help desk whose traces the project records itself."""
