// An operator's program on go-vcloud-director, the library behind the vendor's Terraform providers. It makes, reads,
// changes and deletes an organization and what is in one, and writes what came of each step as one JSON object.
package main

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"

	"github.com/vmware/go-vcloud-director/v3/govcd"
	"github.com/vmware/go-vcloud-director/v3/types/v56"
)

const api = "40.0"

var facts struct {
	URL      string `json:"url"`
	User     string `json:"user"`
	Password string `json:"password"`
}

// A group as cloudapi has it; the library knows groups only in XML.
type group struct {
	ID           string                   `json:"id,omitempty"`
	Name         string                   `json:"name"`
	Description  string                   `json:"description"`
	ProviderType string                   `json:"providerType"`
	Roles        []types.OpenApiReference `json:"roleEntityRefs"`
}

func main() {
	check(json.NewDecoder(os.Stdin).Decode(&facts))
	took := map[string]any{}
	root := signIn("System", facts.User, facts.Password)
	org, err := root.CreateTmOrg(&types.TmOrg{Name: "made-by-go", DisplayName: "Made by Go", IsEnabled: true})
	check(err)
	context := &govcd.TenantContext{OrgId: bare(org.TmOrg.ID), OrgName: org.TmOrg.Name}
	header := map[string]string{
		"X-VMWARE-VCLOUD-TENANT-CONTEXT": context.OrgId, "X-VMWARE-VCLOUD-AUTH-CONTEXT": context.OrgName,
	}
	took["org"] = organization(root, org)
	role := roles(root, org.TmOrg.Name, took)
	groups(root, header, role.Role, took)
	users(root, context, role.Role, took)
	check(role.Delete())
	_, err = root.GetTmOrgById(org.TmOrg.ID)
	check(err)
	check(org.Delete())
	_, err = root.GetTmOrgById(org.TmOrg.ID)
	took["orgIsGone"] = govcd.ContainsNotFound(err)
	took["tokens"] = tokens(root)
	check(root.Disconnect())
	_, err = root.GetAllTmOrgs(nil)
	took["signedOut"] = err != nil
	check(json.NewEncoder(os.Stdout).Encode(took))
}

func signIn(org, user, password string) *govcd.VCDClient {
	address, err := url.Parse(facts.URL + "/api")
	check(err)
	client := govcd.NewVCDClient(*address, true, govcd.WithAPIVersion(api))
	check(client.Authenticate(user, password, org))
	return client
}

func organization(root *govcd.VCDClient, org *govcd.TmOrg) any {
	org.TmOrg.Description = "described"
	changed, err := org.Update(org.TmOrg)
	check(err)
	found, err := root.GetTmOrgByName(changed.TmOrg.Name)
	check(err)
	return found.TmOrg
}

func roles(root *govcd.VCDClient, name string, took map[string]any) *govcd.Role {
	admin, err := root.GetAdminOrgByName(name)
	check(err)
	made, err := admin.CreateRole(&types.Role{Name: "watcher", Description: "reads"})
	check(err)
	right, err := admin.GetRightByName("organization.read")
	check(err)
	check(made.AddRights([]types.OpenApiReference{{ID: right.ID, Name: right.Name}}))
	made.Role.Description = "reads all"
	_, err = made.Update()
	check(err)
	found, err := admin.GetRoleByName("watcher")
	check(err)
	_, err = admin.GetRoleReference("watcher")
	check(err)
	held, err := found.GetRights(nil)
	check(err)
	names := []string{}
	for _, right := range held {
		names = append(names, right.Name)
	}
	took["role"] = map[string]any{"name": found.Role.Name, "description": found.Role.Description, "rights": names}
	return found
}

func groups(root *govcd.VCDClient, header map[string]string, role *types.Role, took map[string]any) {
	made, found := &group{}, []*group{}
	asked := group{Name: "staff", ProviderType: "LOCAL", Roles: []types.OpenApiReference{{ID: role.ID, Name: role.Name}}}
	check(root.Client.OpenApiPostItem(api, endpoint(root, "groups/"), nil, &asked, made, header))
	made.Description = "everybody"
	check(root.Client.OpenApiPutItem(api, endpoint(root, "groups/", made.ID), nil, made, made, header))
	named := url.Values{"filter": {"name==staff"}}
	check(root.Client.OpenApiGetAllItems(api, endpoint(root, "groups/"), named, &found, header))
	took["group"] = found[0].Description
	check(root.Client.OpenApiDeleteItem(api, endpoint(root, "groups/", made.ID), nil, header))
	err := root.Client.OpenApiGetItem(api, endpoint(root, "groups/", made.ID), nil, made, header)
	took["groupIsGone"] = govcd.ContainsNotFound(err)
}

func users(root *govcd.VCDClient, context *govcd.TenantContext, role *types.Role, took map[string]any) {
	asked := types.OpenApiUser{
		Username: "gopher", Password: "correct horse battery", ProviderType: "LOCAL",
		RoleEntityRefs: []types.OpenApiReference{{ID: role.ID, Name: role.Name}},
		OrgEntityRef:   &types.OpenApiReference{ID: "urn:vcloud:org:" + context.OrgId, Name: context.OrgName},
	}
	made, err := root.CreateUser(&asked, context)
	check(err)
	changed := *made.User
	changed.NameInSource, changed.FullName, changed.Password = made.User.Username, "Go Gopher", "******"
	_, err = made.Update(&changed)
	check(err)
	found, err := root.GetUserByName("gopher", context)
	check(err)
	took["user"] = []string{found.User.Username, found.User.FullName, found.User.RoleEntityRefs[0].Name}
	own := signIn(context.OrgName, "gopher", asked.Password)
	check(own.Disconnect())
	check(made.Delete())
	_, err = root.GetUserById(made.User.ID, context)
	took["userIsGone"] = govcd.ContainsNotFound(err)
}

func tokens(root *govcd.VCDClient) bool {
	made, err := root.CreateToken("System", "script")
	check(err)
	issued, err := made.GetInitialApiToken()
	check(err)
	address, err := url.Parse(facts.URL + "/api")
	check(err)
	script := govcd.NewVCDClient(*address, true, govcd.WithAPIVersion(api))
	_, err = script.SetApiToken("System", issued.RefreshToken)
	check(err)
	check(made.Delete())
	_, err = script.GetAllTmOrgs(nil)
	return err != nil
}

func endpoint(root *govcd.VCDClient, parts ...string) *url.URL {
	built, err := root.Client.OpenApiBuildEndpoint(append([]string{"1.0.0/"}, parts...)...)
	check(err)
	return built
}

func bare(urn string) string {
	return urn[len("urn:vcloud:org:"):]
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		panic(err)
	}
}
