module clouddirector

go 1.24

require github.com/vmware/go-vcloud-director/v3 v3.1.1
