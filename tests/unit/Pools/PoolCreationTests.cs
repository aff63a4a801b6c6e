using DynamicFs.Admin;
using DynamicFs.Primitives;
using DynamicFs.UnitTests.Cli;
using Xunit;

namespace DynamicFs.UnitTests.Pools;

/// <summary>Bad requests: the right id, a text that names the path, and nothing changed on any disk.</summary>
public sealed class PoolCreationTests : IDisposable
{
    private readonly ScratchDirectory _scratch = new();

    private PoolRegistry Registry => new(new StateDirectory(_scratch.Sub("state"), _scratch.Sub("run")));

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public void APathThatDoesNotExist() => Refused(ErrorId.DiskPathInvalid, "gone", _scratch.Make("d1"), _scratch.Sub("gone"));

    [Fact]
    public void APathThatIsAFile()
    {
        File.WriteAllText(_scratch.Sub("file"), "x");
        Refused(ErrorId.DiskPathInvalid, "file", _scratch.Make("d1"), _scratch.Sub("file"));
        Assert.Equal("x", File.ReadAllText(_scratch.Sub("file")));
    }

    [Fact]
    public void APathThatIsALink()
    {
        Directory.CreateSymbolicLink(_scratch.Sub("link"), _scratch.Make("target"));
        Refused(ErrorId.DiskSymlink, "link", _scratch.Sub("link"));
        Refused(ErrorId.DiskSymlink, "link", _scratch.Sub("link") + "/");
        Assert.Empty(Directory.GetFileSystemEntries(_scratch.Sub("target")));
    }

    [Fact]
    public void ADirectoryWithFilesInIt()
    {
        File.WriteAllText(Path.Combine(_scratch.Make("d1"), "photo.jpg"), "x");
        Refused(ErrorId.DiskNotEmpty, "photo.jpg", _scratch.Sub("d1"));
    }

    [Fact]
    public void ADirectoryThatBelongsToAPool()
    {
        Directory.CreateDirectory(Path.Combine(_scratch.Make("d1"), ".dynfs"));
        Refused(ErrorId.DiskInUse, "d1", _scratch.Sub("d1"));
        PoolException refused = Assert.Throws<PoolException>(() => Create(new PoolCreationRequest { Name = "tank", Paths = [_scratch.Sub("d1")], AllowNonEmpty = true }));
        Assert.Equal(ErrorId.DiskInUse, refused.Id);
    }

    [Fact]
    public void TwoDirectoriesOnOneDevice()
    {
        PoolException refused = Assert.Throws<PoolException>(() => Create(new PoolCreationRequest { Name = "tank", Paths = [_scratch.Make("d1"), _scratch.Make("d2")] }));
        Assert.Equal(ErrorId.SameDevice, refused.Id);
        Assert.Contains("--allow-same-device", refused.Message);
        Assert.Empty(Directory.GetFileSystemEntries(_scratch.Sub("d1")));
    }

    [Fact]
    public void OneDirectoryTwice()
    {
        Refused(ErrorId.DiskDuplicate, "twice", _scratch.Make("d1"), _scratch.Sub("d1"));
        Refused(ErrorId.DiskDuplicate, "twice", _scratch.Sub("d1"), _scratch.Sub("d1") + "/");
    }

    [Fact]
    public void OneDirectoryInAnother()
    {
        string[] paths = [_scratch.Make("d1/inner"), _scratch.Sub("d1")];
        PoolException refused = Assert.Throws<PoolException>(() => Create(new PoolCreationRequest { Name = "tank", Paths = paths, AllowNonEmpty = true }));
        Assert.Equal(ErrorId.Usage, refused.Id);
        Assert.Contains("in one another", refused.Message);
        Assert.Empty(Directory.GetFileSystemEntries(paths[0]));
    }

    [Theory]
    [InlineData("replica:0", "copies")]
    [InlineData("rs:4", "K+M")]
    [InlineData("rs:1+1", "K from 2")]
    [InlineData("rs:40+2", "32")]
    [InlineData("mirror", "replica:N")]
    public void APolicyThatMakesNoSense(string policy, string text)
    {
        PoolException refused = Assert.Throws<PoolException>(() => PoolCreation.ChooseScheme(policy, 6));
        Assert.Equal(ErrorId.PolicyInvalid, refused.Id);
        Assert.Contains(text, refused.Message);
    }

    [Theory]
    [InlineData("rs:4+2", 5, "replica:3", "1 more")]
    [InlineData("rs:4+2", 3, "rs:2+1", "3 more")]
    [InlineData("replica:3", 2, "replica:2", "1 more")]
    [InlineData("replica:2", 1, "replica:1", "1 more")]
    public void FewerDisksThanThePolicyNeedsNamesWhatWouldFit(string policy, int disks, string fits, string more)
    {
        PoolException refused = Assert.Throws<PoolException>(() => PoolCreation.ChooseScheme(policy, disks));
        Assert.Equal(ErrorId.PolicyTooWide, refused.Id);
        Assert.Contains(fits, refused.Message);
        Assert.Contains(more, refused.Message);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(5)]
    [InlineData(6)]
    [InlineData(12)]
    public void WhatIsSaidToFitDoesFit(int disks)
    {
        foreach (string choice in PoolCreation.Fitting(disks))
            Assert.True(PoolCreation.ChooseScheme(choice.Split(' ')[0], disks).Width <= disks, choice);
    }

    [Fact]
    public void ANameWhoseDisksAreGoneIsFreeAgain()
    {
        Registry.Save(new RegisteredPool(1, Guid.NewGuid(), "tank", [new RegisteredDisk(Guid.NewGuid(), _scratch.Sub("gone"))], 4));
        Refused(ErrorId.DiskPathInvalid, "other", _scratch.Sub("other"));
        Assert.Single(Registry.FindByName("tank"));
    }

    private void Refused(ErrorId expected, string text, params string[] paths)
    {
        string before = Listing();
        PoolException refused = Assert.Throws<PoolException>(() => Create(new PoolCreationRequest { Name = "tank", Paths = paths, AllowSameDevice = true }));
        Assert.Equal(expected, refused.Id);
        Assert.Contains(text, refused.Message);
        Assert.Equal(before, Listing());
    }

    private string Listing() => string.Join('\n', Directory.GetFileSystemEntries(_scratch.Path, "*", SearchOption.AllDirectories).Order());

    private void Create(PoolCreationRequest request) => PoolCreation.Run(request, Registry);
}
