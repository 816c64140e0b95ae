# Packages for Linux distributions: the drivers for a host's virtual machines.
#
#   make install   what is in build/package/ to DESTDIR/usr/share/viostor (after "make package")
#   make deb       build/deb/*.deb, by dpkg-buildpackage
#   make rpm       build/rpm/*.rpm, by rpmbuild
#
# The packages' drivers and catalogs are unsigned: a key made during a build would make each build another,
# and a distribution signs with a key of its own (docs/signing.md). Both are built from the files that git
# knows (of a tree without git: from all but build/), offline, and the same source gives the same bytes.

DESTDIR ?=
prefix  ?= /usr
# Installed as /usr/share/viostor, beside a distribution's /usr/share/virtio-win.
INSTALL_DIR := $(DESTDIR)$(prefix)/share/viostor

# drivers/: what VIRTIO_WIN= names for virt-v2v. osinfo/: what OSINFO_LOCAL_DIR= names for libosinfo's
# programs. symbols/: a symbol store for WinDbg.
.PHONY: install
install:
	@test -d $(PACKAGE_TREE)/viostor || { echo "install: run 'make package' first" >&2; exit 1; }
	@rm -rf '$(INSTALL_DIR)/drivers/viostor' && mkdir -p '$(INSTALL_DIR)/drivers'
	$(Q)cp -r --preserve=mode,timestamps $(PACKAGE_TREE)/viostor $(wildcard $(PACKAGE_TREE)/*.cer $(PACKAGE_TREE)/README-test-signing.txt) '$(INSTALL_DIR)/drivers'
	$(Q)find '$(INSTALL_DIR)/drivers' -name '*.pdb' -delete
	$(Q)cp -p $(PACKAGE_ISO) $(PACKAGE_VFD) '$(INSTALL_DIR)'
	$(Q)ln -sf $(notdir $(PACKAGE_ISO)) '$(INSTALL_DIR)/viostor.iso'
	$(Q)ln -sf $(notdir $(PACKAGE_VFD)) '$(INSTALL_DIR)/viostor.vfd'
	$(Q)$(PYTHON) packaging/symbol_store.py $(BUILD) '$(INSTALL_DIR)/symbols'
	$(Q)$(PYTHON) packaging/osinfo.py $(if $(filter key,$(SIGN)),--signed) '$(prefix)/share/viostor/drivers' '$(INSTALL_DIR)/osinfo'

# $(call export_source,DIRECTORY): the source tree, as new, in a new directory.
define export_source
	@rm -rf $(1) && umask 022 && mkdir -p $(1)
	@{ if git ls-files --error-unmatch Makefile >/dev/null 2>&1; then git ls-files -z; \
	    else find . -path ./$(BUILD) -prune -o -path ./.git -prune -o -type f -print0; fi; } | \
	    (umask 022; tar -c --null -T - --mode=u=rwX,go=rX | tar -x -C $(1))
endef

DEB := $(BUILD)/deb
.PHONY: deb
deb: tools-package tools-deb
	$(call say,DEB     $(DEB))
	@rm -rf $(DEB)
	$(call export_source,$(DEB)/viostor-$(VERSION))
	$(Q)umask 022 && cd $(DEB)/viostor-$(VERSION) && env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL -u SOURCE_DATE_EPOCH \
	    dpkg-buildpackage --no-sign --build=full --jobs=auto >../build.log 2>&1 || { tail -n 30 ../build.log >&2; exit 1; }
	@rm -rf $(DEB)/viostor-$(VERSION)
	@ls $(DEB)/*.deb

RPM := $(BUILD)/rpm
# --nodeps: Debian's packages are not in rpm's database. The rest: nothing of this machine in the packages.
# (A source package always names the directory in which it was made. Made together with the others it
# would also change these, which name it by its hash.)
RPMBUILD = rpmbuild --quiet --nodeps --define '_topdir $(abspath $(RPM))' --define '_buildhost viostor' \
    --define 'use_source_date_epoch_as_buildtime 1' --define 'clamp_mtime_to_source_date_epoch 1'
.PHONY: rpm
rpm: tools-package tools-rpm
	$(call say,RPM     $(RPM))
	@rm -rf $(RPM)
	$(call export_source,$(RPM)/viostor-$(VERSION))
	@mkdir -p $(RPM)/SOURCES
	$(Q)tar -c --sort=name --format=gnu --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX --mtime=@$(SOURCE_DATE_EPOCH) \
	    -C $(RPM) viostor-$(VERSION) | gzip -9n >$(RPM)/SOURCES/viostor-$(VERSION).tar.gz
	$(Q)env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL SOURCE_DATE_EPOCH=$(SOURCE_DATE_EPOCH) \
	    sh -c '"$$@" -bb packaging/viostor.spec && "$$@" -bs packaging/viostor.spec' - $(RPMBUILD) \
	    >$(RPM)/build.log 2>&1 || { tail -n 30 $(RPM)/build.log >&2; exit 1; }
	@mv $(RPM)/RPMS/*/*.rpm $(RPM)/SRPMS/*.rpm $(RPM)
	@cd $(RPM) && rm -rf viostor-$(VERSION) BUILD BUILDROOT RPMS SRPMS SOURCES SPECS
	@ls $(RPM)/*.rpm
