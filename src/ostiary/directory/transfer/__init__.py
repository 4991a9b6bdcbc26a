"""Users and profiles carried between tenants: pages, files, and the jobs that write and read them."""
